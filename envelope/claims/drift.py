"""How far ahead may one look, and how far away may a goal be?"""

from functools import partial
from itertools import takewhile

from envelope.claims.alarms import alarm_rates, are_quiet
from envelope.claims.evidence import Evidence, Known, Missing
from envelope.claims.many import among
from envelope.claims.planning import clean_success
from envelope.claims.rules import CLOSED_LOOP, MODEL, OUTCOMES, SEARCH, Judged, Rule
from envelope.claims.words import at_least, at_most, figures, number, settle, worst_of
from envelope.records import (
    CalibratedMonitor,
    Claim,
    Criteria,
    Estimate,
    PlannerScope,
    Range,
    Scalar,
    Verdict,
)

_OFFSET = "goal_offset_env_steps"


def drift_claims(evidence: Evidence, criteria: Criteria, planner: PlannerScope) -> list[Claim]:
    """The usable horizon, and the goal distances at which success is kept."""
    ratio, success = number(criteria.max_drift_ratio), number(criteria.success_at_least)
    horizon = planner.horizon
    return [
        Rule(
            id="drift.usable_horizon",
            family="F7",
            is_bound=False,
            statement=f"Imagined over 1 to {horizon} model steps, the error is at most {ratio} "
            "of assuming that nothing moves.",
            criterion=f"drift_ratio <= {ratio} at every horizon up to the planner's",
            rests_on=(*MODEL, "input_scope", *SEARCH),
            suites=("horizon_drift",),
        ).claim(partial(_usable_horizon, evidence, criteria.max_drift_ratio, horizon)),
        Rule(
            id="drift.goal_offset",
            family="F7",
            is_bound=True,
            statement=f"Success is at least {success} at every goal distance that was run, "
            "beyond three quarters of the budget with one in proportion.",
            criterion=f"success >= {success} at each goal offset",
            rests_on=CLOSED_LOOP,
            suites=("planning", "horizon_drift"),
        ).claim(partial(_goal_offset, evidence, criteria, planner)),
    ]


def admitted_goal_offsets(
    evidence: Evidence,
    criteria: Criteria,
    planner: PlannerScope,
    monitors: tuple[CalibratedMonitor, ...],
) -> Range | None:
    """Goal offsets, in env steps, from the planner's own outward up to the last that kept success.

    Suites give a farther goal a larger budget. What was reached with more env steps than the
    planner scope allows is no evidence for it, and ends the range on its side; so does a monitor
    that alarms more often than stated. Other distances are other cases, so no drop is asked about.

    None where the planner's own goal offset did not keep success, or no other did.
    """
    nominal = planner.conventions.goal_offset_env_steps
    budget = planner.conventions.budget_env_steps
    try:
        points = _offsets(evidence, nominal)
    except Missing:
        return None

    def is_admitted(point: tuple[float, Known]) -> bool:
        cells = [c for c in evidence.cells("horizon_drift") if c.condition.get(_OFFSET) == point[0]]
        spent = [float(cell.condition.get("budget_env_steps", budget)) for cell in cells]
        if max(spent, default=budget) > budget or _kept(point[1], criteria) != "holds":
            return False
        try:
            about: dict[str, Scalar] = {_OFFSET: point[0]}
            rates = alarm_rates(evidence, "horizon_drift/alarm_rate_by_offset", about, monitors)
        except Missing:
            return False
        return are_quiet(rates, criteria, monitors)

    own = dict(points)[float(nominal)]
    down = takewhile(is_admitted, (point for point in reversed(points) if point[0] < nominal))
    up = takewhile(is_admitted, (point for point in points if point[0] > nominal))
    kept = [offset for offset, _ in (*down, *up)]
    if not kept or _kept(own, criteria) != "holds":
        return None
    return Range(low=min(nominal, *kept), high=max(nominal, *kept))


# --- usable horizon -----------------------------------------------------------------------------


def _usable_horizon(evidence: Evidence, limit: float, horizon: int) -> Judged:
    evidence.need_suite("horizon_drift")
    evidence.need_rows(
        [c for c in evidence.cells("horizon_drift") if not {_OFFSET, "asks"} & set(c.condition)],
        "horizon_drift",
    )
    points = [
        evidence.need("horizon_drift/drift_ratio", horizon=steps) for steps in range(1, horizon + 1)
    ]
    verdicts = [_within(known, limit, horizon) for known in points]
    verdict = worst_of(verdicts)
    decisive = max(points, key=lambda known: known.estimate.high)
    if verdict == "fails":
        decisive = max(points, key=lambda known: known.estimate.low)
    measurement, found = decisive
    usable = _usable(evidence, limit, found)
    reason = (
        f"drift ratio {figures(found, limit)} at {measurement.condition['horizon']} model steps, "
        f"the worst up to {horizon}, {found.episodes} episodes; allowed {number(limit)}; "
        f"{_usable_words(evidence, usable)}"
    )
    if verdict == "unknown":
        reason += f"; {settle(found, limit, evidence.plan, 'episodes')}"
    return Judged(
        verdict, OUTCOMES[verdict], reason, [known.measurement for known in points], usable
    )


def _within(known: Known, limit: float, num: int) -> Verdict:
    """That one of so many horizons fails has to be sure for all of them at once."""
    found = at_most(known.estimate, limit)
    surely = at_most(among(known.estimate, num), limit)
    return found if found != "fails" or surely == "fails" else "unknown"


def _usable_words(evidence: Evidence, usable: Estimate) -> str:
    ran = [
        float(one.condition["horizon"])
        for one in evidence.find("horizon_drift/drift_ratio")
        if one.estimate is not None
    ]
    if usable.low == max(ran):
        return f"usable up to at least {number(usable.low)} model steps, the farthest that ran"
    ends = f"[{number(usable.low)}, {number(usable.high)}]"
    return f"usable up to {number(usable.value)} model steps {ends}"


def _usable(evidence: Evidence, limit: float, at_horizon: Estimate) -> Estimate:
    """The largest measured horizon up to which every ratio stays within the limit.

    By the upper end of each interval, by its value, and by its lower end.
    """
    points = sorted(
        (float(one.condition["horizon"]), one.estimate)
        for one in evidence.find("horizon_drift/drift_ratio")
        if one.estimate is not None
    )

    def largest(end: str) -> float:
        kept = takewhile(lambda point: getattr(point[1], end) <= limit, points)
        return max((horizon for horizon, _ in kept), default=0.0)

    return Estimate(
        value=largest("value"),
        low=largest("high"),
        high=largest("low"),
        episodes=at_horizon.episodes,
        interval=at_horizon.interval,
        seed=at_horizon.seed,
    )


# --- goal offset --------------------------------------------------------------------------------


def _goal_offset(evidence: Evidence, criteria: Criteria, planner: PlannerScope) -> Judged:
    points = _offsets(evidence, planner.conventions.goal_offset_env_steps)
    limit = criteria.success_at_least
    verdicts = {offset: _decided(known, criteria, len(points)) for offset, known in points}
    verdict = worst_of(verdicts.values())
    offset, decisive = next(
        (point for point in points if verdicts[point[0]] == verdict), points[-1]
    )
    if verdict == "holds":
        offset, decisive = points[-1]
    _, found = decisive
    reason = (
        f"success {figures(found, limit)} at {number(offset)} env steps, {found.episodes} cases; "
        f"needed >= {number(limit)}"
    )
    kept = [point[0] for point in takewhile(lambda p: verdicts[p[0]] == "holds", points)]
    reason += f"; kept from {number(kept[0])} to {number(kept[-1])}" if kept else "; kept at none"
    if verdict == "unknown":
        reason += f"; {settle(found, limit, evidence.plan)}"
    return Judged(
        verdict, OUTCOMES[verdict], reason, [known.measurement for _, known in points], found
    )


def _kept(known: Known, criteria: Criteria) -> Verdict:
    return at_least(known.estimate, criteria.success_at_least)


def _decided(known: Known, criteria: Criteria, num: int) -> Verdict:
    """As `_kept`, but that one of so many offsets fails has to be sure for all of them at once."""
    kept = _kept(known, criteria)
    surely = at_least(among(known.estimate, num), criteria.success_at_least)
    return kept if kept != "fails" or surely == "fails" else "unknown"


def _offsets(evidence: Evidence, nominal: int) -> list[tuple[float, Known]]:
    """Success at each goal offset, nearest first; the planner's own comes from the clean arm.

    Raises:
        Missing: none was run, one crashed, one has rows and no summary, or a planned one is gone.
    """
    cells = [c for c in evidence.cells("horizon_drift") if _OFFSET in c.condition]
    summaries = evidence.find("horizon_drift/success_by_offset")
    evidence.need_suite("horizon_drift")
    ran = {cell.condition[_OFFSET] for cell in cells}
    if gone := [one for one in evidence.plan.goal_offsets_env_steps if one not in ran]:
        raise Missing(f"goal offset {gone[0]} was planned, and there is no cell of it")
    if not cells:
        raise Missing("no goal offset besides the nominal one was run")
    evidence.need_rows(cells, "success by goal offset")
    found: dict[float, Known] = {}
    for one in summaries:
        offset = one.condition.get(_OFFSET)
        if one.estimate is None or not isinstance(offset, float | int):
            raise Missing(f"{one.id} has no estimate: {one.note or 'no reason was given'}")
        if offset == nominal:
            clean_success(evidence)
        else:
            same = [cell for cell in cells if cell.condition[_OFFSET] == offset]
            evidence.need_rows(same, f"success at a goal offset of {offset}")
        found[float(offset)] = Known(one, one.estimate)
    for cell in cells:
        if cell.condition[_OFFSET] not in found:
            raise Missing(f"goal offset {cell.condition[_OFFSET]} has rows and no summary")
    if not found:
        raise Missing("no goal offset was summarised")
    if nominal not in found:
        found[float(nominal)] = clean_success(evidence)
    return sorted(found.items())
