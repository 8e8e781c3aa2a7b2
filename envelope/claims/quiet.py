"""Does a monitor keep quiet where a nuisance does no harm?"""

from collections.abc import Iterable
from functools import partial

from envelope.claims.evidence import Evidence, Known, Missing
from envelope.claims.many import among
from envelope.claims.monitors import NO_CONTROL, positive_control
from envelope.claims.nuisance import Class
from envelope.claims.nuisance_points import FAILING, FRAMES, Point, num_points
from envelope.claims.rules import CLOSED_LOOP, OUTCOMES, Judged, Rule
from envelope.claims.words import at_most, figures, number, settle
from envelope.records import Claim, Criteria, Plan, Verdict


def quiet_claims(
    evidence: Evidence, criteria: Criteria, classes: dict[str, Class], monitors: Iterable[str]
) -> list[Claim]:
    """One recorded bound per monitor.

    A closed-loop point that may be harmless, or whose drop of success got lost, has to be quiet
    as well before the claim holds: doubt about success must not turn an alarm into silence. It
    fails by the loudest harmless point, at the end of an interval that is right for all of them.
    """
    limit = number(criteria.max_nuisance_alarms)
    return [
        Rule(
            id=f"monitor.{name}.quiet_under_nuisance",
            family="F5",
            is_bound=True,
            statement=f"Under every nuisance that leaves success alone {name} alarms in at most "
            f"{limit} of episodes.",
            criterion=f"closed_loop_alarm_rate <= {limit} where success is kept",
            rests_on=(*CLOSED_LOOP, f"monitors.{name}.threshold"),
            suites=("nuisance_shift",),
        ).claim(partial(_quiet, evidence, criteria, classes, name))
        for name in monitors
    ]


def _quiet(
    evidence: Evidence, criteria: Criteria, classes: dict[str, Class], monitor: str
) -> Judged:
    evidence.need_suite("nuisance_shift")
    closed = [c for c in evidence.cells("nuisance_shift") if c.condition.get("frames") in FRAMES]
    evidence.need_rows(closed, "nuisances in closed loop")
    limit = criteria.max_nuisance_alarms
    points = [
        (kind.name, point, _alarm_rate(evidence, kind.name, point, monitor))
        for kind in classes.values()
        for point in kind.points
        if point.outcome not in FAILING
    ]
    harmless = [
        (name, point, found)
        for name, point, found in points
        if point.outcome == "robust" and found is not None
    ]
    if not harmless:
        raise Missing("no nuisance was shown in closed loop to leave success alone")
    name, point, worst = max(harmless, key=lambda one: one[2].estimate.low)
    reason = (
        f"at {number(point.amount)} of {name}, which leaves success alone, {monitor} alarms in "
        f"{figures(worst.estimate, limit)}, the most of {len(harmless)} such; "
        f"allowed {number(limit)}"
    )
    every = {at_most(found.estimate, limit) if found else "unknown" for _, _, found in points}
    verdict: Verdict = "unknown"
    num = num_points(evidence)
    if among(worst.estimate, num).low > limit:
        verdict = "fails"
    elif worst.estimate.low > limit:
        reason += f"; one of {num} cells may come so far by chance; "
        reason += settle(among(worst.estimate, num), limit, evidence.plan)
    elif every != {"holds"}:
        reason += f"; {_open(points, limit, evidence.plan)}"
    elif positive_control(evidence, criteria, monitor):
        verdict = "holds"
    else:
        reason += NO_CONTROL
    return Judged(verdict, OUTCOMES[verdict], reason, [worst.measurement], worst.estimate)


def _open(points: list[tuple[str, Point, Known | None]], limit: float, plan: Plan) -> str:
    """What keeps the claim from holding."""
    for name, point, found in points:
        if found is None:
            return f"no alarm rate is known at {number(point.amount)} of {name}"
        if at_most(found.estimate, limit) != "holds":
            rate = figures(found.estimate, limit)
            more = settle(found.estimate, limit, plan)
            return f"at {number(point.amount)} of {name} it is {rate}; {more}"
    return "every point is quiet"


def _alarm_rate(evidence: Evidence, nuisance: str, point: Point, monitor: str) -> Known | None:
    found = evidence.find(
        "nuisance_shift/closed_loop_alarm_rate",
        nuisance=nuisance,
        direction=point.direction,
        strength=point.strength,
        frames=point.frames,
        monitor=monitor,
    )
    if len(found) != 1 or found[0].estimate is None:
        return None
    return Known(found[0], found[0].estimate)
