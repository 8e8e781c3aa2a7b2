"""What a frame and a plan cost: put on record, and held to a budget where one is stated."""

from collections.abc import Sequence
from functools import partial

from envelope.claims.evidence import Evidence
from envelope.claims.rules import OUTCOMES, Judged, Rule
from envelope.claims.words import at_most, number
from envelope.records import Claim, Criteria, Scalar

_SUITE = "cost"
_FRAME = ("model_state", "input_scope.observation")
_PLAN = (
    *_FRAME,
    *(
        f"planner_scope.{name}"
        for name in (
            "algorithm",
            "num_samples",
            "iterations",
            "horizon",
            "block_size",
            "history",
            "cost",
        )
    ),
)
"""What decides how often a search asks the predictor. What it makes of the answers costs nothing
that is counted."""


def cost_claims(evidence: Evidence, criteria: Criteria) -> list[Claim]:
    """Tokens per frame and operations per plan: bounds, or requirements where there is a budget."""
    return [
        _claim(
            evidence,
            "tokens_per_frame",
            "A frame carries {} tokens to the predictor.",
            _FRAME,
            criteria.tokens_per_frame_at_most,
        ),
        _claim(
            evidence,
            "operations_per_plan",
            "One plan takes {} operations.",
            _PLAN,
            criteria.operations_per_plan_at_most,
        ),
    ]


def _claim(
    evidence: Evidence, name: str, statement: str, rests_on: Sequence[str], budget: float | None
) -> Claim:
    allowed = "a known number of" if budget is None else f"at most {number(budget)}"
    return Rule(
        id=f"{_SUITE}.{name}",
        family="F1",
        is_bound=budget is None,
        statement=statement.format(allowed),
        criterion=f"{name} counted" if budget is None else f"{name} <= {number(budget)}",
        rests_on=rests_on,
        suites=(_SUITE,),
    ).claim(partial(_judge, evidence, name, budget))


_QUANTITY: dict[str, tuple[str, str, dict[str, Scalar]]] = {
    "tokens_per_frame": ("tokens_per_frame", "frame", {}),
    "operations_per_plan": ("operations", "plan", {"of": "plan"}),
}
"""Its measurement, what the cell behind it asks about, and under which condition."""


def _judge(evidence: Evidence, name: str, budget: float | None) -> Judged:
    evidence.need_suite(_SUITE)
    quantity, asks, condition = _QUANTITY[name]
    evidence.need_rows(evidence.cells(_SUITE, asks=asks), f"{_SUITE}, asking about a {asks}")
    measurement, found = evidence.need(f"{_SUITE}/{quantity}", **condition)
    counted = f"{name.replace('_', ' ')}: {number(found.high)} counted"
    if budget is None:
        return Judged("holds", "met", f"{counted}; no budget is stated", [measurement], found)
    verdict = at_most(found, budget)
    reason = f"{counted}; allowed {number(budget)}"
    return Judged(verdict, OUTCOMES[verdict], reason, [measurement], found)
