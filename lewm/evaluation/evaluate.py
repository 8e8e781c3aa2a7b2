"""Success of a model and of its references, on the same cases: floor, untrained twin, ceiling.

Shapes in this module:
    N  cases
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lewm.adapter import AuditableModel
from lewm.errors import LewmError
from lewm.evaluation.cases import Cases
from lewm.evaluation.closed_loop import (
    CASES_AT_ONCE,
    Act,
    Moment,
    RecordedFrames,
    model_actor,
    random_actor,
    run_cases,
    world_actor,
)
from lewm.evaluation.intervals import exact
from lewm.evaluation.success import SuccessRule
from lewm.planning.streams import CaseStreams, OneStream, Streams

_TWIN_SEED = 1_000_003


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Under which conditions cases are run, whoever acts."""

    budget_env_steps: int
    """Env steps per case."""
    streams: Sequence[int]
    """Seeds of the planner."""
    references: bool = True
    """Whether to run random actions and an untrained twin."""
    ceiling: bool = True
    """Whether to run the planner on the true dynamics as well; not without `references`."""
    recorded: RecordedFrames | None = None
    """Frames that the model is shown at the start and as goals."""
    one_stream: bool = False
    """Whether all plans of a run draw from one generator, as in the reference, instead of from one
    for each case."""


@dataclass(frozen=True)
class Success:
    """How often one arm arrived, with one planner stream."""

    arm: str
    stream: int
    solved: NDArray[np.bool_]
    """(N,)."""
    num_plans: int = 0
    plan_seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Share of the cases that were solved."""
        return float(self.solved.mean())

    @property
    def interval(self) -> tuple[float, float]:
        """Exact 95 % interval (Clopper and Pearson 1934)."""
        found = exact(int(self.solved.sum()), len(self.solved))
        return found.low, found.high

    def line(self) -> str:
        """One row of a table."""
        low, high = self.interval
        return (
            f"{self.arm:15s} stream {self.stream:<3d} success {self.rate:.3f} "
            f"[{low:.3f}, {high:.3f}]  {self.solved.sum()}/{len(self.solved)}"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data, without times."""
        low, high = self.interval
        return {
            "arm": self.arm,
            "stream": self.stream,
            "success": self.rate,
            "low": low,
            "high": high,
            "num_cases": len(self.solved),
        }


def evaluate(
    model: AuditableModel,
    world: Any,
    cases: Cases,
    conditions: Conditions,
    *,
    rule: SuccessRule | None = None,
    cases_at_once: int = CASES_AT_ONCE,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Success]:
    """Run the model and random actions on every stream, the other references on the first.

    Args:
        model: plans by its own planner settings.
        world: where to act.
        cases: where to start and where to go.
        conditions: streams, budget, and which references run.
        rule: what counts as solved; the world's own rule if not given.
        cases_at_once: how many cases are planned for together, unless they share one stream.
        progress: told the name of each arm before it runs.

    Raises:
        LewmError: the budget cuts the first stretch of a plan short.
    """
    config = model.plan_config
    execute = config.execute_blocks * config.block_size
    budget, streams = conditions.budget_env_steps, conditions.streams
    if budget < execute:
        raise LewmError(
            f"{execute} env steps of every plan are carried out, the budget is {budget}",
            next_step=f"give a budget of at least {execute} env steps, or carry out fewer blocks",
        )
    floor = random_actor(execute, world.action_width, world.action_range)
    arms: list[tuple[str, Act, int]] = [
        ("model", model_actor(model, config), stream) for stream in streams
    ]
    if conditions.references:
        twin = model.untrained_twin(_TWIN_SEED)
        arms += [("random", floor, stream) for stream in streams]
        arms.append(("untrained_twin", model_actor(twin, config), streams[0]))
    if conditions.references and conditions.ceiling:
        arms.append(("true_dynamics", world_actor(config, model.action_stats), streams[0]))
    results = []
    for arm, act, stream in arms:
        progress(f"{arm}, stream {stream}")
        watch = _Watch(act)
        draws: Streams = CaseStreams(stream, cases.num_cases)
        is_in_turn = conditions.one_stream and arm != "random"
        solved = run_cases(
            world,
            cases,
            watch,
            budget_env_steps=budget,
            execute_env_steps=execute,
            streams=OneStream(stream) if is_in_turn else draws,
            rule=rule,
            block_env_steps=config.block_size,
            recorded=conditions.recorded,
            cases_at_once=1 if is_in_turn else cases_at_once,
        )
        results.append(Success(arm, stream, solved, watch.num_plans, watch.seconds))
    return results


class _Watch:
    """Counts and times the plans of an actor."""

    def __init__(self, act: Act) -> None:
        self._act = act
        self.num_plans = 0
        self.seconds = 0.0

    def __call__(self, moment: Moment) -> NDArray[np.float64]:
        started = time.perf_counter()
        actions = self._act(moment)
        self.seconds += time.perf_counter() - started
        self.num_plans += len(actions)
        return actions
