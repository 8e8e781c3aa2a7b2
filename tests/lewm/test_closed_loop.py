from dataclasses import replace

import numpy as np
import pytest
import torch

from lewm.data.windows import ActionStats
from lewm.evaluation import closed_loop
from lewm.evaluation.cases import Cases
from lewm.evaluation.closed_loop import (
    RecordedFrames,
    model_actor,
    random_actor,
    run_cases,
    world_actor,
)
from lewm.evaluation.success import SuccessRule
from lewm.planning.plan_config import PlanConfig
from lewm.planning.planner import Plan
from lewm.planning.streams import OneStream
from tests.lewm.dots import SIZE, Array, DotWorld, awake_model

PLAN = PlanConfig(num_samples=32, iterations=5, elites=6, horizon=2, execute_blocks=2)


class DotTask(DotWorld):
    """The dot world with a success rule."""

    success_rule = "dots/0.05"

    def solved(self, states: np.ndarray, goals: np.ndarray) -> np.ndarray:
        return self.distance(states, goals) < 0.05


def cases(num: int = 20) -> Cases:
    rng = np.random.default_rng(0)
    starts, goals = rng.uniform(0.0, 0.4, (num, 2)), rng.uniform(0.6, 1.0, (num, 2))
    return Cases(starts, goals, {}, 0)


def run(act, *, num: int = 20, seed: int = 0) -> np.ndarray:
    return run_cases(
        DotTask(), cases(num), act, budget_env_steps=20, execute_env_steps=10, seed=seed
    )


def test_planning_on_the_true_dynamics_solves_what_random_actions_do_not():
    stats = ActionStats(mean=(0.0, 0.0), std=(0.6, 0.6))

    assert run(world_actor(PLAN, stats)).mean() == 1.0
    assert run(random_actor(10, 2)).mean() < 0.5


def test_a_case_has_the_same_outcome_whoever_runs_beside_it():
    actor = random_actor(10, 2)
    assert np.array_equal(run(actor, num=20)[:5], run(actor, num=5))


def test_a_solved_case_stays_solved_and_is_planned_for_no_more():
    planned_for = []

    def only_the_first_moves(moment):
        states = moment.states
        planned_for.append(states[:, 0].tolist())
        way = np.where(states[:, :1] < 0.5, 0.0, np.clip((moment.goals - states) / 0.1, -1, 1))
        return way[:, None].repeat(10, axis=1)

    solved = run_cases(
        DotTask(),
        Cases(np.array([[0.5, 0.5], [0.1, 0.1]]), np.array([[0.7, 0.7], [0.9, 0.9]]), {}, 0),
        only_the_first_moves,
        budget_env_steps=20,
        execute_env_steps=10,
        seed=0,
    )

    assert solved.tolist() == [True, False]
    assert planned_for == [[0.5, 0.1], [0.1]]


def test_actors_get_a_new_seed_for_every_case_and_call():
    seeds: list[int] = []

    def stay(moment):
        seeds.extend(moment.seeds)
        return np.zeros((len(moment.states), 10, 2))

    run(stay, num=20)

    assert len(set(seeds)) == 40


def test_a_model_can_act():
    outcome = run(model_actor(awake_model(), PLAN), num=2)
    assert outcome.shape == (2,)
    assert outcome.dtype == bool


def test_a_model_can_act_on_the_frames_and_blocks_of_the_way_here():
    model = awake_model()
    planner = replace(PLAN, history=model.history, execute_blocks=1)

    def plans(config: PlanConfig) -> list[np.ndarray]:
        made = []
        act = model_actor(model, config)

        def keep(moment):
            made.append(act(moment))
            return made[-1]

        how = {"budget_env_steps": 15, "execute_env_steps": 5, "block_env_steps": 5}
        run_cases(DotTask(), cases(2), keep, **how)
        return made

    long, short = plans(planner), plans(replace(planner, history=1))

    assert model.history > 1
    assert np.array_equal(long[0], short[0])  # both have one frame yet
    assert not np.allclose(long[1], short[1])


@pytest.mark.parametrize(("execute", "calls"), [(10, 2), (15, 2), (20, 1)])
def test_the_budget_is_spent_exactly(execute, calls):
    steps = []

    class Counting(DotTask):
        def step(self, states, actions):
            steps.append(1)
            return super().step(states, actions)

    asked = []

    def stay(moment):
        asked.append(1)
        return np.zeros((len(moment.states), execute, 2))

    run_cases(Counting(), cases(3), stay, budget_env_steps=20, execute_env_steps=execute, seed=0)

    assert len(steps) == 20
    assert len(asked) == calls


class Seen:
    """Stands in for a planner: keeps what it was shown, always answers with the same plan."""

    def __init__(self, config: PlanConfig) -> None:
        self.config = config
        self.frames: list[np.ndarray] = []
        self.past: list[np.ndarray | None] = []
        self.goals: list[np.ndarray] = []

    def plan(self, model, frames, goal_frames, seeds, *, past=None):
        self.frames.append(frames)
        self.past.append(past)
        self.goals.append(goal_frames)
        length = self.config.horizon * self.config.block_size
        steps = np.linspace(0.1, 0.9, length)[None, :, None]
        return Plan(np.repeat(steps, len(frames), 0).repeat(2, -1), np.zeros(len(frames)))


@pytest.fixture
def seen(monkeypatch):
    """Watch what the planner is given, for plans of one block of five env steps."""

    def watch(history: int) -> tuple[Seen, PlanConfig]:
        config = PlanConfig(elites=6, horizon=1, execute_blocks=1, history=history)
        planner = Seen(config)
        monkeypatch.setattr(closed_loop, "make_planner", lambda _: planner)
        return planner, config

    return watch


def act_for(seen, history: int, *, recorded: RecordedFrames | None = None) -> tuple[Seen, Array]:
    """Twenty env steps of two cases that never arrive; also the states at every fifth."""
    planner, config = seen(history)
    world = DotTask()
    starts = np.array([[0.0, 0.2], [0.1, 0.3]])
    run_cases(
        world,
        Cases(starts, np.array([[0.9, 0.0], [0.95, 0.0]]), {}, 0),
        model_actor(awake_model(), config),
        budget_env_steps=20,
        execute_env_steps=5,
        block_env_steps=5,
        recorded=recorded,
    )
    trail = [starts]
    for _ in range(3):
        states = trail[-1]
        for size in np.linspace(0.1, 0.9, 5):
            states = world.step(states, np.full((2, 2), size))
        trail.append(states)
    return planner, np.stack(trail, axis=1)


def test_a_planner_with_history_sees_real_frames_one_model_step_apart(seen):
    planner, trail = act_for(seen, 3)
    frames = DotTask().render(trail.reshape(-1, 2)).reshape(2, 4, SIZE, SIZE, 3)

    assert [given.shape[1] for given in planner.frames[1:]] == [2, 3, 3]
    assert np.array_equal(planner.frames[0], frames[:, 0])
    assert np.array_equal(planner.frames[1], frames[:, :2])
    assert np.array_equal(planner.frames[2], frames[:, :3])
    assert np.array_equal(planner.frames[3], frames[:, 1:4])


def test_a_planner_with_history_is_told_what_was_executed_between_its_frames(seen):
    planner, _ = act_for(seen, 3)
    block = np.linspace(0.1, 0.9, 5)[:, None].repeat(2, -1)  # (K, A)

    assert planner.past[0] is None
    for past, num_blocks in zip(planner.past[1:], (1, 2, 2), strict=True):
        assert np.array_equal(past, np.broadcast_to(block, (2, num_blocks, 5, 2)))


def test_recorded_frames_are_seen_at_the_start_and_as_goals_and_nowhere_else(seen):
    rng = np.random.default_rng(0)
    first, goal = rng.integers(0, 256, (2, 2, SIZE, SIZE, 3), dtype=np.uint8)

    planner, trail = act_for(seen, 2, recorded=RecordedFrames(first, goal))

    frames = DotTask().render(trail.reshape(-1, 2)).reshape(2, 4, SIZE, SIZE, 3)
    assert np.array_equal(planner.frames[0], first)
    assert np.array_equal(planner.frames[1], np.stack([first, frames[:, 1]], axis=1))
    assert np.array_equal(planner.frames[2], frames[:, 1:3])
    assert all(np.array_equal(given, goal) for given in planner.goals)


def outcome_of(path: list[float], goal: float, **how) -> bool:
    """Whether a case is solved whose first coordinate takes these values."""
    moves = 10 * np.diff(path)[None, :, None].repeat(2, -1) * [1.0, 0.0]
    start, end = np.array([[path[0], 0.0]]), np.array([[goal, 0.0]])
    solved = run_cases(
        DotTask(),
        Cases(start, end, {}, 0),
        lambda moment: moves,
        budget_env_steps=moves.shape[1],
        execute_env_steps=moves.shape[1],
        **how,
    )
    return bool(solved[0])


def test_a_start_that_solves_the_case_counts_only_once_it_was_acted_in():
    assert not outcome_of([0.5, 0.58, 0.66], goal=0.5)
    assert outcome_of([0.5, 0.52, 0.6], goal=0.5)


def test_a_rule_with_a_hold_asks_for_that_many_env_steps_in_a_row():
    rule = SuccessRule("dots/0.05-hold3", DotTask().solved, hold_env_steps=3)
    assert outcome_of([0.3, 0.4, 0.48, 0.5, 0.52, 0.6], goal=0.5, rule=rule)
    assert not outcome_of([0.3, 0.4, 0.48, 0.5, 0.56, 0.5, 0.52], goal=0.5, rule=rule)


def test_a_world_that_judges_within_a_step_is_asked_for_its_own_rule_alone():
    class Strict(DotTask):
        def step_towards(self, states, actions, goals):
            return self.step(states, actions), np.zeros(len(states), dtype=bool)

    def stay(moment):
        return np.zeros((1, 5, 2))

    case = Cases(np.zeros((1, 2)), np.zeros((1, 2)), {}, 0)
    how = {"budget_env_steps": 5, "execute_env_steps": 5}
    assert not run_cases(Strict(), case, stay, **how).any()
    other = SuccessRule("dots/other", DotTask().solved)
    assert run_cases(Strict(), case, stay, rule=other, **how).all()


def test_one_stream_is_drawn_from_by_one_case_after_another():
    drawn = []

    def act(moment):
        drawn.extend(torch.randn(2, generator=seed).tolist() for seed in moment.seeds)
        return np.zeros((len(moment.states), 5, 2))

    how = {"budget_env_steps": 10, "execute_env_steps": 5, "cases_at_once": 1}
    run_cases(DotTask(), cases(3), act, streams=OneStream(42), **how)

    expected = torch.Generator().manual_seed(42)
    assert drawn == [torch.randn(2, generator=expected).tolist() for _ in range(6)]
