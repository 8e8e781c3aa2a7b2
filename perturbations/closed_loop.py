"""Closed loop: plan, act, look again; all cases of a cell at once.

Shapes in this module:
    N  cases     S  state width     A  action width     K  env steps per block
    T  env steps of the budget      B  model steps      n  cases still unsolved

Success is latched at every env step. A solved case stops planning; what it does until the end of
its last plan is not scored.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from perturbations.driving.acting import executed
from perturbations.nuisances.classes import find
from perturbations.nuisances.nuisance import FrameSeeds, Shift
from perturbations.seeding import derive_seed
from perturbations.stopwatch import STOPWATCH
from perturbations.thresholds import redraws

if TYPE_CHECKING:
    from perturbations.bench import Bench
    from perturbations.episodes import Cases
    from perturbations.nuisances.mixture import Look
    from perturbations.nuisances.nuisance import Draw
    from perturbations.protocols import Actions, Frames, Planner, States

Arm = Literal["model", "random", "untrained_twin", "true_dynamics"]
ShiftedFrames = Literal["current", "goal", "both"]
_GOAL_TIME = 1_000_000
"""Time of the goal frame: no frame of an episode shares its noise."""


@dataclass(frozen=True)
class Loop:
    """One closed-loop cell."""

    arm: Arm
    cases: "Cases"
    streams: NDArray[np.int64]
    """Planner stream of every case, (N,)."""
    budget_env_steps: int
    shift: Shift | None = None
    shifted_frames: ShiftedFrames = "current"
    watched: bool = True
    """Whether the monitors score the model's episodes."""
    first_case: int = 0
    """Number of the first of these cases; what is drawn for a case depends on its number."""
    numbers: NDArray[np.int64] | None = None
    """Number of every case, (N,), where they do not follow on one another."""
    look: "Look | None" = None
    """What the current frame is seen under, instead of one shift for all."""
    planner: "Planner | None" = None
    """Instead of the bench's; the monitors stay those of the bench."""

    @property
    def case_numbers(self) -> NDArray[np.int64]:
        """Number of every case, (N,)."""
        if self.numbers is not None:
            return self.numbers
        return np.arange(self.first_case, self.first_case + len(self.cases))

    def run(self, bench: "Bench") -> dict[str, list[Any]]:
        """Rows: case, stream, success, env_steps, and for the model arm one score per monitor."""
        trail = _act(bench, self, _eyes(bench, self))
        rows: dict[str, list[Any]] = {
            "case": self.case_numbers.tolist(),
            "stream": self.streams.tolist(),
            "success": trail.success.tolist(),
            "env_steps": trail.env_steps.tolist(),
        }
        if self.arm == "model" and self.watched:
            rows.update(_scores(bench, self, trail))
        return rows


@dataclass(frozen=True)
class _Trail:
    """What happened."""

    states: NDArray[np.float64]
    """(N, T+1, S)."""
    actions: NDArray[np.float64]
    """(N, T, A)."""
    success: NDArray[np.bool_]
    env_steps: NDArray[np.int64]
    """Env steps until success, or the budget, (N,)."""


@dataclass(frozen=True)
class _Eyes:
    """How the present and the goal are seen."""

    now: "Draw"
    goal: "Draw"


def _eyes(bench: "Bench", loop: Loop) -> _Eyes:
    def plain(states: "States", seeds: FrameSeeds) -> "Frames":
        return bench.world.render(states)

    if loop.look is not None:
        return _Eyes(loop.look.drawn(bench.world), plain)
    if loop.shift is None:
        return _Eyes(plain, plain)
    shift, nuisance = loop.shift, find(loop.shift.nuisance)

    def shifted(states: "States", seeds: FrameSeeds) -> "Frames":
        return nuisance.render(
            bench.world,
            states,
            strength=shift.strength,
            direction=shift.direction,
            seeds=seeds,
        )

    return _Eyes(
        now=plain if loop.shifted_frames == "goal" else shifted,
        goal=plain if loop.shifted_frames == "current" else shifted,
    )


def _act(bench: "Bench", loop: Loop, eyes: _Eyes) -> _Trail:
    world, cases, budget = bench.world, loop.cases, loop.budget_env_steps
    per_plan = (loop.planner or bench.planner).config.execute_blocks * bench.block_size
    num = len(cases)
    states = np.repeat(cases.starts[:, None], budget + 1, axis=1)
    actions = np.zeros((num, budget, world.action_width))
    success = np.zeros(num, dtype=bool)
    env_steps = np.full(num, budget, dtype=np.int64)
    choose = _chooser(bench, loop, eyes)
    for begin in range(0, budget, per_plan):
        open_cases = np.flatnonzero(~success)
        if not len(open_cases):
            break
        num_steps = min(per_plan, budget - begin)
        with STOPWATCH.running("planning"):
            chosen = choose(open_cases, states[open_cases, begin], begin, num_steps)
        chosen = executed(bench, chosen)
        for step in range(num_steps):
            now = begin + step
            after = world.step(states[open_cases, now], chosen[:, step])
            states[open_cases, now + 1 :] = after[:, None]
            solved = world.solved(after, cases.goals[open_cases]) & ~success[open_cases]
            env_steps[open_cases[solved]] = now + 1
            success[open_cases[solved]] = True
        actions[open_cases, begin : begin + num_steps] = chosen[:, :num_steps]
    return _Trail(states, actions, success, env_steps)


Choose = Callable[[NDArray[np.int64], "States", int, int], "Actions"]
"""(open cases, their states, env step, number of env steps) to actions (n, at least steps, A)."""


def _chooser(bench: "Bench", loop: Loop, eyes: _Eyes) -> Choose:
    """How this arm chooses its actions."""
    case_seeds = _case_seeds(bench, loop)
    numbers, planner = loop.case_numbers, loop.planner or bench.planner

    def seeds(kind: str, open_cases: NDArray[np.int64], begin: int) -> list[int]:
        return [
            derive_seed(bench.seed, kind, int(loop.streams[case]), int(numbers[case]), begin)
            for case in open_cases
        ]

    def at_random(
        open_cases: NDArray[np.int64], states: "States", begin: int, num_steps: int
    ) -> "Actions":
        shape = (num_steps, bench.world.action_width)
        low, high = getattr(bench.world, "action_range", (-1.0, 1.0))
        drawn = [
            np.random.default_rng(seed).uniform(low, high, shape)
            for seed in seeds("random", open_cases, begin)
        ]
        return np.stack(drawn)

    def in_the_world(
        open_cases: NDArray[np.int64], states: "States", begin: int, num_steps: int
    ) -> "Actions":
        plan = planner.plan_in_world(
            bench.world,
            states,
            loop.cases.goals[open_cases],
            seeds("plan", open_cases, begin),
            action_stats=getattr(bench.model, "action_stats", None),
        )
        return plan.actions

    def by_sight(
        open_cases: NDArray[np.int64], states: "States", begin: int, num_steps: int
    ) -> "Actions":
        chosen = case_seeds[open_cases]
        now = FrameSeeds(chosen, np.full(len(chosen), begin // bench.block_size))
        goal = FrameSeeds(chosen, np.full(len(chosen), _GOAL_TIME))
        plan = planner.plan(
            bench.model if loop.arm == "model" else bench.twin,
            eyes.now(states, now),
            eyes.goal(loop.cases.goals[open_cases], goal),
            seeds("plan", open_cases, begin),
        )
        if not np.isfinite(plan.imagined_cost).all():
            raise ValueError("the imagined cost of a plan is not a finite number")
        return plan.actions

    choosers: dict[Arm, Choose] = {
        "random": at_random,
        "true_dynamics": in_the_world,
        "model": by_sight,
        "untrained_twin": by_sight,
    }
    return choosers[loop.arm]


def _case_seeds(bench: "Bench", loop: Loop) -> NDArray[np.int64]:
    if loop.look is not None:
        return loop.look.seeds
    numbers = loop.case_numbers
    return bench.case_seeds(int(numbers.max()) + 1)[numbers]


def _scores(bench: "Bench", loop: Loop, trail: _Trail) -> dict[str, list[float]]:
    """The largest score of every monitor up to the block in which a case was solved.

    Under a nuisance those of other draws of the ensemble stand beside them.
    """
    from perturbations import latents

    block = bench.block_size
    whole_blocks = loop.budget_env_steps // block
    num_blocks = np.minimum(-(-trail.env_steps // block), whole_blocks)
    case_seeds = _case_seeds(bench, loop)
    columns: dict[str, list[float]] = {}
    for length in np.unique(num_blocks):
        rows = np.flatnonzero(num_blocks == length)
        seen = trail.states[rows, : length * block + 1 : block]
        views = latents.encode(bench.eye, _eyes(bench, loop).now, seen, case_seeds[rows])
        taken = trail.actions[rows, : length * block].reshape(len(rows), int(length), block, -1)
        found = bench.scores(views, taken)
        if loop.shift is not None:
            found |= redraws.scores(bench, bench.eye.split(views), taken)
        for name, scores in found.items():
            column = columns.setdefault(name, [0.0] * len(loop.cases))
            for row, score in zip(rows, scores.max(axis=1), strict=True):
                column[row] = float(score)
    return columns
