from dataclasses import replace

import numpy as np
import pytest
import torch

from lewm.data import ActionStats
from lewm.plan_config import PlanConfig
from lewm.planner import CEM
from tests.lewm.dots import DotWorld, awake_model

CONFIG = PlanConfig(num_samples=32, iterations=4, elites=6, horizon=3, execute_blocks=3)


def starts_and_goals(num: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.uniform(0.3, 0.7, (num, 2)), rng.uniform(0.3, 0.7, (num, 2))


def follow(world: DotWorld, states: np.ndarray, actions: np.ndarray) -> np.ndarray:
    for t in range(actions.shape[1]):
        states = world.step(states, actions[:, t])
    return states


def test_a_plan_does_not_depend_on_the_batch_it_is_made_in():
    model, world = awake_model(), DotWorld()
    starts, goals = starts_and_goals(8)
    frames, goal_frames = world.render(starts), world.render(goals)

    together = CEM(CONFIG).plan(model, frames, goal_frames, range(8))
    alone = [
        CEM(CONFIG).plan(model, frames[i : i + 1], goal_frames[i : i + 1], [i]) for i in range(8)
    ]

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
        ({"algorithm": "annealing"}, "unknown algorithm 'annealing'; there are cem, gradient"),
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
