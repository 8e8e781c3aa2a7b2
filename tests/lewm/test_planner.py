from dataclasses import replace

import numpy as np
import pytest
import torch

from lewm.data.windows import ActionStats
from lewm.errors import LewmError
from lewm.planning.plan_config import PlanConfig
from lewm.planning.planner import CEM, make_planner
from tests.lewm.dots import DotWorld, awake_model

CONFIG = PlanConfig(num_samples=32, iterations=4, elites=6, horizon=3, execute_blocks=3)
ALL = (
    CONFIG,
    replace(CONFIG, algorithm="icem"),
    replace(CONFIG, algorithm="mppi"),
    replace(CONFIG, algorithm="gradient"),
    replace(CONFIG, algorithm="random_shooting", iterations=1),
)
ALGORITHMS = pytest.mark.parametrize("config", ALL, ids=lambda config: config.algorithm)


def starts_and_goals(num: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.uniform(0.3, 0.7, (num, 2)), rng.uniform(0.3, 0.7, (num, 2))


def follow(world: DotWorld, states: np.ndarray, actions: np.ndarray) -> np.ndarray:
    for t in range(actions.shape[1]):
        states = world.step(states, actions[:, t])
    return states


@ALGORITHMS
def test_a_plan_does_not_depend_on_the_batch_it_is_made_in(config):
    model, world = awake_model(), DotWorld()
    starts, goals = starts_and_goals(8)
    frames, goal_frames = world.render(starts), world.render(goals)
    planner = make_planner(config)

    together = planner.plan(model, frames, goal_frames, range(8))
    alone = [planner.plan(model, frames[i : i + 1], goal_frames[i : i + 1], [i]) for i in range(8)]

    assert np.allclose(np.concatenate([p.actions for p in alone]), together.actions, atol=1e-5)
    costs = np.concatenate([p.imagined_cost for p in alone])
    assert np.allclose(costs, together.imagined_cost, rtol=1e-4)


def test_a_plan_repeats_with_its_seed_and_changes_with_another():
    model, world = awake_model(), DotWorld()
    starts, goals = starts_and_goals(2)
    frames, goal_frames = world.render(starts), world.render(goals)

    first = CEM(CONFIG).plan(model, frames, goal_frames, [1, 2])
    again = CEM(CONFIG).plan(model, frames, goal_frames, [1, 2])
    other = CEM(CONFIG).plan(model, frames, goal_frames, [3, 2])

    assert np.array_equal(first.actions, again.actions)
    assert not np.allclose(first.actions[0], other.actions[0])
    assert np.allclose(first.actions[1], other.actions[1], atol=1e-5)


def test_a_plan_has_the_shape_and_the_cost_of_its_own_rollout():
    model, world = awake_model(), DotWorld()
    starts, goals = starts_and_goals(3)

    plan = CEM(CONFIG).plan(model, world.render(starts), world.render(goals), [0, 1, 2])

    blocks = torch.from_numpy(plan.actions).float().reshape(3, 3, 5, 2)
    last = model.rollout(model.encode(world.render(starts)), blocks)[:, -1]
    cost = (last - model.encode(world.render(goals))).square().sum(dim=-1)
    assert plan.actions.shape == (3, 15, 2)
    assert plan.actions.dtype == plan.imagined_cost.dtype == np.float64
    assert plan.imagined_cost == pytest.approx(cost.numpy(), rel=1e-4)


def test_more_search_imagines_a_lower_cost():
    model, world = awake_model(), DotWorld()
    starts, goals = starts_and_goals(4)
    frames, goal_frames = world.render(starts), world.render(goals)

    little = CEM(replace(CONFIG, iterations=1)).plan(model, frames, goal_frames, range(4))
    much = CEM(replace(CONFIG, iterations=8)).plan(model, frames, goal_frames, range(4))

    assert much.imagined_cost.mean() < little.imagined_cost.mean()


@pytest.mark.parametrize("stats", [None, ActionStats(mean=(0.1, 0.0), std=(0.7, 0.5))])
def test_planning_on_the_true_dynamics_reaches_the_goal(stats):
    world = DotWorld()
    starts, goals = starts_and_goals(4)

    plan = CEM(replace(CONFIG, iterations=12)).plan_in_world(
        world, starts, goals, range(4), action_stats=stats
    )

    reached = follow(world, starts, plan.actions)
    distance = world.distance(reached, goals)
    assert distance.max() < 0.05
    assert plan.imagined_cost == pytest.approx(np.square(distance), abs=1e-6)


def test_a_plan_goes_on_from_the_frames_and_blocks_before_it():
    model, world = awake_model(), DotWorld()
    states = np.random.default_rng(1).random((2 * 3, 2))
    frames = world.render(states).reshape(2, 3, 16, 16, 3)
    goal_frames = world.render(starts_and_goals(2)[1])
    past = np.random.default_rng(2).uniform(-1, 1, (2, 2, 5, 2))
    planner = make_planner(replace(CONFIG, history=3))

    plan = planner.plan(model, frames, goal_frames, [0, 1], past=past)

    z = model.encode(frames.reshape(-1, 16, 16, 3)).reshape(2, 3, -1)
    executed = np.concatenate([past, plan.actions.reshape(2, 3, 5, 2)], axis=1)
    last = model.rollout(z, torch.from_numpy(executed))[:, -1]
    cost = (last - model.encode(goal_frames)).square().sum(dim=-1)
    assert plan.imagined_cost == pytest.approx(cost.numpy(), rel=1e-4)
    from_one = planner.plan(model, frames[:, -1], goal_frames, [0, 1])
    assert not np.allclose(plan.actions, from_one.actions, atol=1e-3)
    with_axis = planner.plan(model, frames[:, -1:], goal_frames, [0, 1])
    assert np.array_equal(with_axis.actions, from_one.actions)


class Wrapped:
    """A model behind another one, whose rollout is its own."""

    def __init__(self, model):
        self.model = model

    def __getattr__(self, name):
        return getattr(self.model, name)

    def rollout(self, z, blocks):
        return self.model.rollout(z, -blocks)


def test_a_wrapper_is_planned_through_its_own_rollout():
    model, world = awake_model(), DotWorld()
    starts, goals = starts_and_goals(2)

    plan = CEM(CONFIG).plan(Wrapped(model), world.render(starts), world.render(goals), [0, 1])

    z, goal = model.encode(world.render(starts)), model.encode(world.render(goals))
    backwards = torch.from_numpy(-plan.actions).reshape(2, 3, 5, 2)
    cost = (model.rollout(z, backwards)[:, -1] - goal).square().sum(dim=-1)
    assert plan.imagined_cost == pytest.approx(cost.numpy(), rel=1e-4)


def test_a_wrapper_that_only_passes_on_gets_the_same_plan():
    class Passing(Wrapped):
        def rollout(self, z, blocks):
            return self.model.rollout(z, blocks)

    model, world = awake_model(), DotWorld()
    frames, goal_frames = (world.render(states) for states in starts_and_goals(2))

    plans = [CEM(CONFIG).plan(m, frames, goal_frames, [0, 1]) for m in (model, Passing(model))]

    assert np.allclose(plans[0].actions, plans[1].actions, atol=1e-4)


def test_a_search_can_start_from_the_rest_of_a_plan():
    model, world = awake_model(), DotWorld()
    frames, goal_frames = (world.render(states) for states in starts_and_goals(2))
    rest = np.random.default_rng(0).uniform(-1, 1, (2, 10, 2))
    planner = make_planner(replace(CONFIG, initial_std=1e-4))

    plan = planner.plan(model, frames, goal_frames, [0, 1], start=rest)

    assert plan.actions[:, :10] == pytest.approx(rest, abs=1e-3)
    assert plan.actions[:, 10:] == pytest.approx(
        np.broadcast_to(model.action_stats.mean, (2, 5, 2)), abs=1e-3
    )
    with pytest.raises(ValueError, match="got 12 env steps"):
        planner.plan(model, frames, goal_frames, [0, 1], start=rest[:, :1].repeat(12, axis=1))


def test_bounds_are_given_in_env_units():
    model, world = awake_model(), DotWorld()
    frames, goal_frames = (world.render(states) for states in starts_and_goals(2))
    options = {"action_low": -0.3, "action_high": 0.2}
    wide = make_planner(replace(CONFIG, initial_std=3.0, options=options))

    actions = wide.plan(model, frames, goal_frames, [0, 1]).actions

    assert actions.min() == pytest.approx(-0.3, abs=0.1)
    assert actions.min() >= -0.3 - 1e-6
    assert actions.max() <= 0.2 + 1e-6


def test_a_stream_goes_on_where_it_was():
    model, world = awake_model(), DotWorld()
    frames, goal_frames = (world.render(states) for states in starts_and_goals(1))
    stream = torch.Generator().manual_seed(4)

    first, second = (CEM(CONFIG).plan(model, frames, goal_frames, [stream]) for _ in range(2))

    again = CEM(CONFIG).plan(model, frames, goal_frames, [4])
    assert np.array_equal(first.actions, again.actions)
    assert not np.allclose(second.actions, first.actions, atol=1e-3)


def test_the_gradient_planner_needs_gradients():
    model, world = awake_model(), DotWorld()
    starts, goals = starts_and_goals(1)
    planner = make_planner(replace(CONFIG, algorithm="gradient"))
    with pytest.raises(LewmError, match="cannot plan in the world"):
        planner.plan_in_world(world, starts, goals, [0])
    with pytest.raises(LewmError, match="imagination has gradients, and this one has none"):
        planner.plan(Wrapped(model), world.render(starts), world.render(goals), [0])


@ALGORITHMS
def test_the_other_algorithms_score_as_many_candidates(config):
    siblings = make_planner(config).siblings(awake_model())

    assert set(siblings) == {c.algorithm for c in ALL} - {config.algorithm}
    for name, sibling in siblings.items():
        assert sibling.config.algorithm == name
        spent = sibling.config.num_samples * sibling.config.iterations
        assert spent == config.num_samples * config.iterations


def test_no_other_algorithm_is_offered_that_the_model_or_the_numbers_do_not_suit():
    few = replace(CONFIG, num_samples=4, elites=3)  # icem keeps five elites

    assert set(CEM(few).siblings(awake_model())) == {"gradient", "mppi", "random_shooting"}
    assert "gradient" not in CEM(few).siblings(Wrapped(awake_model()))


def test_options_of_the_cost_go_with_it_to_another_algorithm():
    cost = {"cost": "terminal_latent_sse_control/1"}
    options = {"temperature": 0.2, "control_weight": 0.5}
    planner = make_planner(replace(CONFIG, algorithm="mppi", options=options, **cost))

    assert planner.siblings(awake_model())["cem"].config.options == {"control_weight": 0.5}


def test_a_model_that_gives_no_numbers_is_refused():
    class Blind(Wrapped):
        def encode(self, frames):
            return self.model.encode(frames) * float("nan")

    frames = DotWorld().render(starts_and_goals(2)[0])
    with pytest.raises(LewmError, match="no candidate has a finite cost, in 2 of 2 cases"):
        CEM(CONFIG).plan(Blind(awake_model()), frames, frames, [0, 1])


@pytest.mark.parametrize(
    ("history", "num_frames", "said"),
    [(4, 1, "looks back on 3"), (2, 3, "starts from up to 2 frames, got 3")],
)
def test_more_frames_than_fit_are_refused(history, num_frames, said):
    frames = DotWorld().render(np.random.default_rng(0).random((num_frames, 2)))
    planner = make_planner(replace(CONFIG, history=history))
    with pytest.raises(LewmError, match=said):
        planner.plan(awake_model(), frames[None], frames[:1], [0])


def test_cem_by_name_is_cem_by_configuration():
    with pytest.raises(ValueError, match="icem is not cem"):
        CEM(replace(CONFIG, algorithm="icem"))


def test_options_at_their_default_are_not_written():
    config = PlanConfig(algorithm="mppi", options={"temperature": 0.5})
    assert config == PlanConfig(algorithm="mppi")
    assert config.option("temperature") == 0.5
    assert "options" not in config.to_json()
    warmer = replace(config, options={"temperature": 1})
    assert warmer.to_json()["options"] == {"temperature": 1.0}
    assert PlanConfig.from_json(warmer.to_json()) == warmer


@pytest.mark.parametrize("num_seeds", [1, 3])
def test_seeds_that_are_not_one_for_each_case_are_refused(num_seeds):
    model, world = awake_model(), DotWorld()
    starts, goals = starts_and_goals(2)
    planner = CEM(CONFIG)
    said = f"got {num_seeds} seeds for 2 cases"

    with pytest.raises(ValueError, match=said):
        planner.plan(model, world.render(starts), world.render(goals), range(num_seeds))
    with pytest.raises(ValueError, match=said):
        planner.plan_in_world(world, starts, goals, range(num_seeds))


def test_a_planner_with_another_block_size_is_refused():
    model, world = awake_model(), DotWorld()
    starts, goals = starts_and_goals(1)
    with pytest.raises(ValueError, match="block has 4 env steps, the model's 5"):
        CEM(replace(CONFIG, block_size=4)).plan(
            model, world.render(starts), world.render(goals), [0]
        )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"elites": 1}, "elites <= num_samples is required, got 1, 300"),
        ({"elites": 400}, "elites <= num_samples is required, got 400, 300"),
        ({"execute_blocks": 6}, "execute_blocks <= horizon is required, got 6, 5"),
        ({"iterations": 0}, "iterations must be an int from 1"),
        ({"history": 0}, "history must be an int from 1"),
        ({"initial_std": float("nan")}, "initial_std must be finite"),
        ({"algorithm": "annealing"}, "unknown planner 'annealing'; there are cem, gradient"),
        ({"cost": "hope/1"}, "unknown cost 'hope/1'"),
        ({"algorithm": "random_shooting"}, "random shooting has one iteration, got 10"),
        ({"options": {"temperature": 1.0}}, "cem with terminal_latent_sse/1 has no option"),
        ({"options": {"action_low": float("inf")}}, "option action_low must be a number"),
        ({"options": {"action_low": 1.0, "action_high": -1.0}}, "action_low < action_high"),
        ({"algorithm": "icem", "options": {"kept_elites": 2.5}}, "must be a whole number"),
        ({"algorithm": "icem", "options": {"kept_elites": 31}}, "kept_elites must be at most"),
        ({"algorithm": "icem", "options": {"momentum": True}}, "option momentum must be a number"),
    ],
)
def test_a_planner_that_cannot_search_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        replace(PlanConfig(), **wrong)
