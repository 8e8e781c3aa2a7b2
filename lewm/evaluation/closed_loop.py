"""Closed loop: plan, act, plan again, and count who arrives.

Shapes in this module:
    N  cases    n  those still running    T  env steps    S  state width    A  action width
    K  env steps per action block         P  blocks executed so far         H  frames looked at

Source: the evaluation of LeWM (facts/lewm.md 5.3): success is latched at env steps 1 to the budget,
a solved case stands still. Where the planner looks at several real frames, the first plan has one
and later plans as many as there are, one model step apart, up to the planner's history; no frame is
made up. stable-worldmodel starts in the same way since July 2026. Every plan starts afresh; the
reference carries on the rest of the last plan where less than a whole plan is executed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lewm.data.windows import ActionStats
from lewm.evaluation.cases import Cases
from lewm.evaluation.success import SuccessRule, rule_of
from lewm.planning.plan_config import PlanConfig
from lewm.planning.planner import PlannableModel, make_planner
from lewm.planning.search import Seed
from lewm.planning.streams import CaseStreams, Streams

CASES_AT_ONCE = 16
"""How many cases the planner is given together."""


@dataclass(frozen=True)
class RecordedFrames:
    """What was recorded where the cases begin and where their goals lie, (N, h, w, 3) each."""

    first: NDArray[np.uint8]
    goal: NDArray[np.uint8]

    def take(self, chosen: NDArray[np.int64]) -> "RecordedFrames":
        """Those of the chosen cases."""
        return RecordedFrames(self.first[chosen], self.goal[chosen])


@dataclass(frozen=True)
class Moment:
    """Running cases when they need a plan: all that an actor may look at."""

    world: Any
    trail: NDArray[np.float64]
    """States at the block boundaries so far, (n, P + 1, S); the last is now."""
    blocks: NDArray[np.float64]
    """What was executed between them, env units, (n, P, K, A)."""
    goals: NDArray[np.float64]
    """(n, S)."""
    seeds: Sequence[Seed]
    """One random stream per case."""
    recorded: RecordedFrames | None = None

    @property
    def states(self) -> NDArray[np.float64]:
        """Where each case is now, (n, S)."""
        now: NDArray[np.float64] = self.trail[:, -1]
        return now

    def goal_frames(self) -> NDArray[np.uint8]:
        """What should be seen, as recorded where it was, (n, h, w, 3)."""
        frames: NDArray[np.uint8] = (
            self.recorded.goal if self.recorded else self.world.render(self.goals)
        )
        return frames

    def frames(self, history: int) -> NDArray[np.uint8]:
        """The last real frames, (n, H, h, w, 3), H at most `history`; the first as recorded."""
        trail = self.trail[:, -history:]
        num_cases, num_frames = trail.shape[:2]
        drawn = self.world.render(trail.reshape(num_cases * num_frames, -1))
        frames: NDArray[np.uint8] = drawn.reshape(num_cases, num_frames, *drawn.shape[1:])
        if self.recorded and num_frames == self.trail.shape[1]:
            frames[:, 0] = self.recorded.first
        return frames

    def take(self, chosen: NDArray[np.int64]) -> "Moment":
        """The same of some cases."""
        return Moment(
            self.world,
            self.trail[chosen],
            self.blocks[chosen],
            self.goals[chosen],
            [self.seeds[case] for case in chosen],
            self.recorded.take(chosen) if self.recorded else None,
        )


Act = Callable[[Moment], NDArray[np.float64]]
"""A moment of n cases in; actions (n, T, A) in env units out."""


def run_cases(
    world: Any,
    cases: Cases,
    act: Act,
    *,
    budget_env_steps: int,
    execute_env_steps: int,
    seed: int = 0,
    streams: Streams | None = None,
    rule: SuccessRule | None = None,
    block_env_steps: int | None = None,
    recorded: RecordedFrames | None = None,
    cases_at_once: int = CASES_AT_ONCE,
) -> NDArray[np.bool_]:
    """Whether each case is solved at any of its env steps.

    Args:
        world: steps and draws.
        cases: where to start and where to go.
        act: called whenever `execute_env_steps` are used up.
        budget_env_steps: env steps per case.
        execute_env_steps: how much of each plan is executed.
        seed: of all cases; each case and each call has its own stream.
        streams: where the actor's randomness comes from, instead of `seed`.
        rule: what counts as solved; the world's own rule if not given.
        block_env_steps: env steps between remembered frames; `execute_env_steps` if not given.
        recorded: frames to be seen instead of drawn ones at the start, and as goals.
        cases_at_once: how many cases the actor is given together.

    Returns:
        solved, (N,).
    """
    rule = rule or rule_of(world)
    streams = streams or CaseStreams(seed, cases.num_cases)
    block = block_env_steps or execute_env_steps
    states, goals = cases.starts.copy(), cases.goals
    solved = np.zeros(cases.num_cases, dtype=bool)
    held = np.zeros(cases.num_cases, dtype=np.int64)  # env steps in a row that met the rule
    trail = [states.copy()]
    executed = np.empty((cases.num_cases, 0, world.action_width))
    for done in range(0, budget_env_steps, execute_env_steps):
        running = np.flatnonzero(~solved)
        if not len(running):
            break
        moment = Moment(
            world,
            np.stack(trail, axis=1)[running],
            _blocks(executed, block)[running],
            goals[running],
            streams.draw(running),
            recorded.take(running) if recorded else None,
        )
        length = min(execute_env_steps, budget_env_steps - done)
        actions = np.zeros((cases.num_cases, length, world.action_width))
        for first in range(0, len(running), cases_at_once):
            chosen = np.arange(first, min(first + cases_at_once, len(running)))
            actions[running[chosen]] = act(moment.take(chosen))[:, :length]
        executed = np.concatenate([executed, actions], axis=1)
        for time in range(length):
            moving = np.flatnonzero(~solved)
            if not len(moving):
                break
            states[moving], met = _step(
                world, rule, states[moving], actions[moving, time], goals[moving]
            )
            held[moving] = np.where(met, held[moving] + 1, 0)
            solved |= held >= rule.hold_env_steps
            if (done + time + 1) % block == 0:
                trail.append(states.copy())
    return solved


def model_actor(model: PlannableModel, config: PlanConfig) -> Act:
    """Plans in the model's imagination, from as many real frames as the planner looks at."""
    planner = make_planner(config)

    def act(moment: Moment) -> NDArray[np.float64]:
        frames = moment.frames(config.history)
        goals, seeds = moment.goal_frames(), moment.seeds
        past = frames.shape[1] - 1
        if not past:
            return planner.plan(model, frames[:, 0], goals, seeds).actions
        blocks = moment.blocks[:, -past:]
        return planner.plan(model, frames, goals, seeds, past=blocks).actions

    return act


def world_actor(config: PlanConfig, action_stats: ActionStats) -> Act:
    """Plans on the true dynamics with the same search: the ceiling."""
    planner = make_planner(config)
    return lambda moment: (
        planner.plan_in_world(
            moment.world, moment.states, moment.goals, moment.seeds, action_stats=action_stats
        ).actions
    )


def random_actor(
    num_env_steps: int, action_width: int, action_range: tuple[float, float] = (-1.0, 1.0)
) -> Act:
    """Actions drawn evenly from what the world carries out: the floor."""

    def act(moment: Moment) -> NDArray[np.float64]:
        shape = (num_env_steps, action_width)
        rngs = [np.random.default_rng(seed) for seed in moment.seeds if isinstance(seed, int)]
        return np.stack([rng.uniform(*action_range, shape) for rng in rngs])

    return act


def _step(
    world: Any,
    rule: SuccessRule,
    states: NDArray[np.float64],
    actions: NDArray[np.float64],
    goals: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The next states (n, S), and which of them meet the rule, (n,)."""
    if rule.is_own and hasattr(world, "step_towards"):
        after, met = world.step_towards(states, actions, goals)
        return after, met
    after = world.step(states, actions)
    return after, rule.met(after, goals)


def _blocks(executed: NDArray[np.float64], block: int) -> NDArray[np.float64]:
    """Executed actions (N, T, A) as whole blocks, (N, P, K, A)."""
    num_cases, length, width = executed.shape
    num_blocks = length // block
    return executed[:, : num_blocks * block].reshape(num_cases, num_blocks, block, width)
