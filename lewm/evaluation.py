"""Success of a model and of its references, on the same cases: floor, untrained twin, ceiling."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from lewm.adapter import AuditableModel
from lewm.cases import Cases
from lewm.closed_loop import Act, model_actor, random_actor, run_cases, world_actor

_TWIN_SEED = 1_000_003


@dataclass(frozen=True)
class Success:
    """How often one arm arrived, with one planner stream."""

    arm: str
    stream: int
    solved: NDArray[np.bool_]
    """(N,)."""

    @property
    def rate(self) -> float:
        return float(self.solved.mean())

    @property
    def interval(self) -> tuple[float, float]:
        """Exact 95 % interval (Clopper and Pearson 1934)."""
        interval = binomtest(int(self.solved.sum()), len(self.solved)).proportion_ci(0.95, "exact")
        return float(interval.low), float(interval.high)

    def line(self) -> str:
        low, high = self.interval
        return (
            f"{self.arm:15s} stream {self.stream}  success {self.rate:.3f} "
            f"[{low:.3f}, {high:.3f}]  {self.solved.sum()}/{len(self.solved)}"
        )

    def to_json(self) -> dict[str, Any]:
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
    *,
    budget_env_steps: int,
    streams: Sequence[int],
    references: bool = True,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Success]:
    """Run the model on every stream, and each reference on the first.

    Args:
        model: plans by its own planner settings.
        world: where to act.
        cases: unsolved at the start.
        budget_env_steps: env steps per case.
        streams: seeds of the planner.
        references: whether to run random actions, an untrained twin and the true dynamics.
        progress: told the name of each arm before it runs.
    """
    config = model.plan_config
    execute = config.execute_blocks * config.block_size
    arms: list[tuple[str, Act, int]] = [
        ("model", model_actor(model, world, config), stream) for stream in streams
    ]
    if references:
        twin = model.untrained_twin(_TWIN_SEED)
        arms += [
            ("random", random_actor(execute, world.action_width), streams[0]),
            ("untrained_twin", model_actor(twin, world, config), streams[0]),
            ("true_dynamics", world_actor(world, config, model.action_stats), streams[0]),
        ]
    results = []
    for arm, act, stream in arms:
        progress(arm)
        solved = run_cases(
            world,
            cases,
            act,
            budget_env_steps=budget_env_steps,
            execute_env_steps=execute,
            seed=stream,
        )
        results.append(Success(arm, stream, solved))
    return results
