"""What does each monitor see, what not, and does it keep quiet when it should?"""

import math
from functools import partial

from envelope.claims.evidence import Evidence
from envelope.claims.rules import MODEL, OUTCOMES, SEARCH, Judged, Rule
from envelope.claims.words import at_least, figures, number, settle
from envelope.records import CalibratedMonitor, Claim, Criteria, Measurement, Verdict
from envelope.records.units import in_unit, plain

_LENGTH = "planner_scope.conventions.budget_env_steps"
"""An episode is over when the budget is spent, and a longer one has more chances to alarm."""
NO_CONTROL = "; not shown to hold, for no injected violation was caught (positive control)"


def monitor_claims(
    evidence: Evidence,
    criteria: Criteria,
    calibrated: dict[str, CalibratedMonitor],
    *,
    also: str = "",
) -> list[Claim]:
    """False alarms, and one recorded bound per violation class, for each monitor.

    Args:
        evidence: of the run.
        criteria: say which rates are enough.
        calibrated: the monitors, by name.
        also: ranges of planner fields on which no monitor alarmed more often, in words.
    """
    claims: list[Claim] = []
    more = f" In closed loop it was not seen to be more with {also}." if also else ""
    for name, monitor in calibrated.items():
        rests_on = (*MODEL, "input_scope", *SEARCH, _LENGTH, f"monitors.{name}.threshold")
        stated = number(min(monitor.false_alarms_per_episode, criteria.false_alarms_per_episode))
        claims.append(
            Rule(
                id=f"monitor.{name}.false_alarms",
                family="F5",
                is_bound=False,
                statement=f"On lawful episodes {name} alarms at a rate of at most {stated}.{more}",
                criterion=f"false_alarms <= {stated} per episode",
                rests_on=(*rests_on, f"monitors.{name}.false_alarms_per_episode"),
                suites=("voe",),
            ).claim(partial(_false_alarms, evidence, criteria, monitor))
        )
        rate = number(criteria.detection_rate)
        for violation, criterion in sorted(criteria.violations.items()):
            at = in_unit(number(criterion.claim_at), criterion.unit)
            claims.append(
                Rule(
                    id=f"monitor.{name}.{violation}",
                    family="F5",
                    is_bound=True,
                    statement=f"{name} alarms at {plain(violation)} of {at} in at least {rate} of "
                    "clips.",
                    criterion=f"detection >= {rate} at {at}",
                    rests_on=rests_on,
                    suites=("voe",),
                ).claim(partial(_detection, evidence, criteria, name, violation))
            )
    return claims


def positive_control(evidence: Evidence, criteria: Criteria, monitor: str) -> bool:
    """Whether any injected violation was caught at the stated rate, with rows to show for it."""
    return any(
        one.estimate is not None
        and at_least(one.estimate, criteria.detection_rate) == "holds"
        and any(cell.rows for cell in evidence.cells("voe", **one.condition))
        for one in evidence.find("voe/detection", monitor=monitor)
    )


# --- one claim each -----------------------------------------------------------------------------


def _false_alarms(evidence: Evidence, criteria: Criteria, monitor: CalibratedMonitor) -> Judged:
    name = monitor.name
    lawful = [
        cell
        for cell in evidence.cells("voe", monitor=name)
        if cell.condition.get("violation") not in criteria.violations
    ]
    evidence.need_rows(lawful, f"{name} on lawful episodes")
    measurement, found = evidence.need("voe/false_alarms", monitor=name)
    limit = min(monitor.false_alarms_per_episode, criteria.false_alarms_per_episode)
    reason = (
        f"false alarms {figures(found, limit)} per episode, {found.episodes} held-out episodes; "
        f"allowed {number(limit)}"
    )
    calibration = monitor.calibration.episodes
    needed = math.ceil(math.log(0.05) / math.log1p(-limit))  # for 95 % confidence
    verdict: Verdict = "unknown"
    if found.low > limit:
        verdict = "fails"
    elif monitor.false_alarms_per_episode > limit:
        reason += f"; calibrated only for {number(monitor.false_alarms_per_episode)}"
    elif calibration < needed:
        reason += f"; {calibration} calibration episodes guarantee nothing, {needed} are needed"
    elif not positive_control(evidence, criteria, name):
        reason += NO_CONTROL
    elif found.value <= limit:
        verdict = "holds"
        reason += f"; the threshold keeps it with 95 % confidence, by {calibration} episodes"
    else:
        reason += f"; {settle(found, limit, evidence.plan, 'episodes')}"
    return Judged(verdict, OUTCOMES[verdict], reason, [measurement], found)


def _detection(evidence: Evidence, criteria: Criteria, name: str, violation: str) -> Judged:
    criterion = criteria.violations[violation]
    at = in_unit(number(criterion.claim_at), criterion.unit)
    evidence.need_rows(
        evidence.cells("voe", monitor=name, violation=violation, magnitude=criterion.claim_at),
        f"{plain(violation)} at {at}",
    )
    measurement, found = evidence.need(
        "voe/detection",
        monitor=name,
        violation=violation,
        magnitude=criterion.claim_at,
        unit=criterion.unit,
    )
    rate = criteria.detection_rate
    verdict = at_least(found, rate)
    reason = (
        f"detected in {figures(found, rate)} of {found.episodes} clips "
        f"at {at}; stated rate {number(rate)}"
    )
    if verdict == "fails":
        return Judged("fails", "blind", reason, [measurement], found)
    if verdict == "holds" and positive_control(evidence, criteria, name):
        reason += _beside_the_floor(evidence, measurement)
        return Judged("holds", "detected", reason, [measurement], found)
    reason += (
        NO_CONTROL if verdict == "holds" else f"; {settle(found, rate, evidence.plan, 'episodes')}"
    )
    return Judged("unknown", "inconclusive", reason, [measurement], found)


def _beside_the_floor(evidence: Evidence, detection: Measurement) -> str:
    """How much more than the bare change of pixels a monitor detects, where that was measured."""
    same = {key: value for key, value in detection.condition.items() if key != "unit"}
    found = [one.estimate for one in evidence.find("voe/beats_floor", **same) if one.estimate]
    if len(found) != 1:
        return ""
    more = figures(found[0], 0)
    if found[0].low > 0:
        return f"; {more} more than by the bare change of pixels"
    return (
        f"; the bare change of pixels sees it as well (the monitor detects {more} more), so the "
        "monitor is not shown to add anything there"
    )
