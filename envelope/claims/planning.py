"""Does the planner reach its goals with this model? The ground that every other claim stands on."""

from collections.abc import Sequence

from envelope.claims.evidence import Evidence, Known, Missing
from envelope.claims.rules import CLOSED_LOOP, OUTCOMES, Judged, Rule
from envelope.claims.words import at_least, figures, number, settle
from envelope.records import Claim, Criteria, Measurement, Verdict

REFERENCES = ("random", "untrained_twin")
"""Arms that a model has to beat before its success says anything."""


def planning_claims(
    evidence: Evidence,
    criteria: Criteria,
    *,
    also: str = "",
    shown_by: Sequence[Measurement] = (),
) -> list[Claim]:
    """Success, gain over the references, and share of what the true dynamics allow.

    Args:
        evidence: of the run.
        criteria: say how much success is enough.
        also: ranges of planner fields on which success was kept, in words.
        shown_by: the measurements behind these.
    """
    drop = number(criteria.max_success_drop)
    more = f" So it is, dropping by at most {drop}, with {also}." if also else ""
    success = criteria.success_at_least
    share = criteria.share_of_ceiling_at_least
    return [
        _rule(
            "planning.success",
            f"Clean closed-loop success is at least {number(success)}.{more}",
            f"success >= {number(success)}",
        ).claim(lambda: _success(evidence, success, shown_by)),
        _rule(
            "planning.above_floor",
            "Success is above that of random actions and of an untrained twin.",
            "success_gain > 0 over random and over untrained_twin; shown to be under "
            f"{drop}, the smallest difference that counts, it fails",
        ).claim(lambda: _above_floor(evidence, criteria.max_success_drop)),
        _rule(
            "planning.share_of_ceiling",
            f"Success is at least {number(share)} of the same planner's on the true dynamics.",
            f"share_of_ceiling >= {number(share)}",
        ).claim(lambda: _share_of_ceiling(evidence, share)),
    ]


def _rule(name: str, statement: str, criterion: str) -> Rule:
    return Rule(
        id=name,
        family="base",
        is_bound=False,
        statement=statement,
        criterion=criterion,
        rests_on=CLOSED_LOOP,
        suites=("planning",),
    )


def clean_success(evidence: Evidence) -> Known:
    """Success of the model without any shift, over all planned streams.

    Raises:
        Missing: it was not measured, a cell crashed, or a planned stream has no rows.
    """
    _need_arms(evidence, "model")
    found = evidence.need("planning/success", arm="model")
    streams, planned = len(_streams(evidence)), evidence.plan.num_streams
    if planned > 1 and streams < planned:
        raise Missing(f"only {streams} of {planned} planned planner streams were summarised")
    return found


def _streams(evidence: Evidence) -> set[object]:
    summaries = evidence.find("planning/success_by_stream")
    return {one.condition.get("stream") for one in summaries if one.estimate is not None}


def _need_arms(evidence: Evidence, *arms: str) -> None:
    for arm in arms:
        cells = [cell for cell in evidence.cells("planning") if cell.arm == arm]
        evidence.need_rows(cells, f"planning with the arm {arm}")


def _success(evidence: Evidence, limit: float, shown_by: Sequence[Measurement]) -> Judged:
    measurement, found = clean_success(evidence)
    verdict = at_least(found, limit)
    streams = max(1, len(_streams(evidence)))
    reason = (
        f"success {figures(found, limit)}, {found.episodes} cases, "
        f"{streams} stream{'s' if streams > 1 else ''}; needed >= {number(limit)}"
    )
    if verdict == "unknown":
        reason += f"; {settle(found, limit, evidence.plan)}"
    return Judged(verdict, OUTCOMES[verdict], reason, [measurement, *shown_by], found)


def _above_floor(evidence: Evidence, counts: float) -> Judged:
    """A gain too small to count is none, though no number of cases shows that it is not above 0."""
    _need_arms(evidence, "model", *REFERENCES)
    known = [evidence.need("planning/success_gain", over=reference) for reference in REFERENCES]
    verdict: Verdict = "unknown"
    if all(found.low > 0 for _, found in known):
        verdict = "holds"
    elif any(found.low <= 0 and found.high < counts for _, found in known):
        verdict = "fails"
    least = min(known, key=lambda one: one.estimate.low)
    reason = "gain in success " + ", ".join(
        f"{figures(found, 0)} over {measurement.condition['over']}" for measurement, found in known
    )
    reason += f", {least.estimate.episodes} cases; needed > 0"
    if verdict == "unknown":
        reason += f"; {settle(least.estimate, 0, evidence.plan)}"
    return Judged(
        verdict, OUTCOMES[verdict], reason, [one.measurement for one in known], least.estimate
    )


def _share_of_ceiling(evidence: Evidence, limit: float) -> Judged:
    _need_arms(evidence, "model", "true_dynamics")
    measurement, found = evidence.need("planning/share_of_ceiling")
    verdict = at_least(found, limit)
    reason = (
        f"share of the ceiling {figures(found, limit)}, {found.episodes} cases; "
        f"needed >= {number(limit)}"
    )
    if verdict == "unknown":
        reason += f"; {settle(found, limit, evidence.plan)}"
    return Judged(verdict, OUTCOMES[verdict], reason, [measurement], found)
