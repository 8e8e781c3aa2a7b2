"""Closed loop: plan, act, plan again, and count who arrives.

Shapes in this module:
    N  cases    T  env steps    S  state width    A  action width

Source: the evaluation of LeWM (facts/lewm.md 5.3): success is latched, a solved case stands still.
Ours runs on held-out cases that are unsolved at the start.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lewm.cases import Cases
from lewm.data import ActionStats
from lewm.plan_config import PlanConfig
from lewm.planner import CEM, PlannableModel

Act = Callable[[NDArray[np.float64], NDArray[np.float64], Sequence[int]], NDArray[np.float64]]
"""States (N, S), goals (N, S) and one seed per case in; actions (N, T, A) in env units out."""

_CASES_AT_ONCE = 16


def run_cases(
    world: Any,
    cases: Cases,
    act: Act,
    *,
    budget_env_steps: int,
    execute_env_steps: int,
    seed: int,
) -> NDArray[np.bool_]:
    """Whether each case is solved at any of its env steps.

    Args:
        world: steps, and judges by its success rule.
        cases: where to start and where to go.
        act: called whenever `execute_env_steps` are used up.
        budget_env_steps: env steps per case.
        execute_env_steps: how much of each plan is executed.
        seed: of all cases; each case and each call has its own stream.

    Returns:
        solved, (N,).
    """
    solved = [
        _run_some(
            world,
            cases.starts[first : first + _CASES_AT_ONCE],
            cases.goals[first : first + _CASES_AT_ONCE],
            act,
            range(0, budget_env_steps, execute_env_steps),
            execute_env_steps,
            [_stream(seed, case) for case in range(first, first + _CASES_AT_ONCE)],
        )
        for first in range(0, cases.num_cases, _CASES_AT_ONCE)
    ]
    return np.concatenate(solved)


def model_actor(model: PlannableModel, world: Any, config: PlanConfig) -> Act:
    """Plans in the model's imagination."""
    planner = CEM(config)
    return lambda states, goals, seeds: (
        planner.plan(model, world.render(states), world.render(goals), seeds).actions
    )


def world_actor(world: Any, config: PlanConfig, action_stats: ActionStats) -> Act:
    """Plans on the true dynamics with the same search: the ceiling."""
    planner = CEM(config)
    return lambda states, goals, seeds: (
        planner.plan_in_world(world, states, goals, seeds, action_stats=action_stats).actions
    )


def random_actor(num_env_steps: int, action_width: int) -> Act:
    """Actions drawn evenly from [-1, 1]: the floor."""

    def act(
        states: NDArray[np.float64], goals: NDArray[np.float64], seeds: Sequence[int]
    ) -> NDArray[np.float64]:
        drawn = [
            np.random.default_rng(s).uniform(-1, 1, (num_env_steps, action_width)) for s in seeds
        ]
        return np.stack(drawn)

    return act


def _run_some(
    world: Any,
    states: NDArray[np.float64],
    goals: NDArray[np.float64],
    act: Act,
    calls: range,
    execute_env_steps: int,
    streams: list[np.random.SeedSequence],
) -> NDArray[np.bool_]:
    solved: NDArray[np.bool_] = world.solved(states, goals)
    states = states.copy()
    for done in calls:
        running = np.flatnonzero(~solved)
        if not len(running):
            break
        actions = act(states[running], goals[running], [_draw(streams[case]) for case in running])
        for time in range(min(execute_env_steps, calls.stop - done)):
            still = ~solved[running]
            moving = running[still]
            states[moving] = world.step(states[moving], actions[still, time])
            solved[moving] = world.solved(states[moving], goals[moving])
    return solved


def _stream(seed: int, case: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=(case,))


def _draw(stream: np.random.SeedSequence) -> int:
    """The next seed of a case: each call spawns a child."""
    return int(stream.spawn(1)[0].generate_state(1, np.uint64)[0] >> np.uint64(1))
