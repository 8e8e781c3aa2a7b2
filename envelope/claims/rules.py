"""What every rule hands over, and how it becomes a claim."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from envelope.claims.evidence import Missing
from envelope.records import Claim, Estimate, Family, Measurement, Outcome, Verdict

WORLD = ("input_scope.world", "input_scope.observation", "input_scope.factors")
"""What a frame shows, nuisances aside."""
MODEL = (
    "model_state",
    *(f"planner_scope.conventions.{name}" for name in ("action_scale", "batchnorm")),
    *(f"planner_scope.conventions.{name}" for name in ("dtype", "device")),
)
"""Which numbers are computed from a frame and an action: weights, and how they are run."""
SEARCH = tuple(
    f"planner_scope.{name}"
    for name in (
        "algorithm",
        "num_samples",
        "iterations",
        "elites",
        "horizon",
        "block_size",
        "execute_blocks",
        "history",
        "cost",
        "options",
    )
)
"""How plans are searched for. Monitors are set and rollouts judged on episodes that the planner
drives (docs/decisions/0005), so another search brings about other episodes."""
CLOSED_LOOP = ("model_state", *WORLD, "input_scope.nuisance", "planner_scope")
"""What success of planning rests on, evaluator conventions included. Beyond the admitted range of a
nuisance nothing is known of it."""

OUTCOMES: dict[Verdict, Outcome] = {
    "holds": "met",
    "fails": "not_met",
    "unknown": "inconclusive",
}
"""Outcome of a claim that compares one quantity with one limit."""


@dataclass(frozen=True)
class Judged:
    """A verdict with what decided it."""

    verdict: Verdict
    outcome: Outcome
    reason: str
    evidence: Sequence[Measurement] = ()
    estimate: Estimate | None = None


@dataclass(frozen=True)
class Rule:
    """One claim before it is judged."""

    id: str
    family: Family
    is_bound: bool
    statement: str
    criterion: str
    rests_on: Sequence[str]
    suites: Sequence[str]

    def claim(self, judge: Callable[[], Judged]) -> Claim:
        """Judge it; evidence that is missing makes it `unknown`, never anything else."""
        try:
            judged = judge()
        except Missing as missing:
            judged = Judged("unknown", missing.outcome, missing.reason)
        return Claim(
            id=self.id,
            family=self.family,
            kind="bound" if self.is_bound else "requirement",
            statement=self.statement,
            verdict=judged.verdict,
            outcome=judged.outcome,
            reason=judged.reason,
            criterion=self.criterion,
            rests_on=list(self.rests_on),
            suites=list(self.suites),
            evidence=[measurement.id for measurement in judged.evidence],
            estimate=judged.estimate,
        )
