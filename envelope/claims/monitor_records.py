"""Each monitor as the envelope records it: its threshold beside what it sees and what not."""

from collections.abc import Iterable
from itertools import takewhile
from typing import Literal

from envelope.claims.evidence import Evidence
from envelope.claims.monitors import positive_control
from envelope.claims.words import at_least, episodes_to_settle
from envelope.errors import BadFile
from envelope.records import (
    CalibratedMonitor,
    Claim,
    Criteria,
    DetectedFrom,
    Measurement,
    Monitor,
    Sensitivity,
    Verdict,
)

_OUTCOMES: dict[Verdict, Literal["detected", "blind", "inconclusive"]] = {
    "holds": "detected",
    "fails": "blind",
    "unknown": "inconclusive",
}


def monitor_record(
    evidence: Evidence, criteria: Criteria, monitor: CalibratedMonitor, claims: list[Claim]
) -> Monitor:
    """One calibrated monitor with its sensitivity and blind spots.

    Args:
        evidence: what the run left behind.
        criteria: the stated rates.
        monitor: the threshold and where it comes from.
        claims: the claims that `monitor_claims` made, for the blind spots.
    """
    name = monitor.name
    sensitivity = list(_sensitivities(evidence, criteria, name))
    prefix = f"monitor.{name}."
    blind = {c.id.removeprefix(prefix) for c in claims if c.outcome == "blind"}
    return Monitor(
        name=name,
        statistic=monitor.statistic,
        threshold=monitor.threshold,
        false_alarms_per_episode=monitor.false_alarms_per_episode,
        calibration=monitor.calibration,
        measured_false_alarms=evidence.estimate("voe/false_alarms", monitor=name),
        positive_control=positive_control(evidence, criteria, name),
        sensitivity=sensitivity,
        detected_from=list(_detected_from(sensitivity)),
        blind_spots=[one for one in sorted(criteria.violations) if one in blind],
    )


def _sensitivities(evidence: Evidence, criteria: Criteria, name: str) -> Iterable[Sensitivity]:
    rate = criteria.detection_rate
    for one in evidence.find("voe/detection", monitor=name):
        found = one.estimate
        cells = evidence.cells("voe", **one.condition)
        yield Sensitivity(
            violation=str(one.condition.get("violation")),
            kind=_kind(one),
            magnitude=_magnitude(one),
            unit=str(one.condition.get("unit")),
            outcome="crashed"
            if any(cell.status == "crashed" for cell in cells)
            else _OUTCOMES[at_least(found, rate) if found else "unknown"],
            detection=found,
            auroc=evidence.estimate("voe/auroc", **one.condition),
            delay_env_steps=evidence.estimate("voe/delay", **one.condition),
            episodes_needed=episodes_to_settle(found, rate)
            if found and at_least(found, rate) == "unknown"
            else None,
        )


def _detected_from(sensitivity: list[Sensitivity]) -> Iterable[DetectedFrom]:
    """One per class shown at several magnitudes: the curve read from its strong end."""
    for violation in dict.fromkeys(one.violation for one in sensitivity):
        curve = sorted(
            (one for one in sensitivity if one.violation == violation),
            key=lambda one: one.magnitude,
            reverse=True,
        )
        if len(curve) < 2:
            continue
        seen = list(takewhile(lambda one: one.outcome == "detected", curve))
        yield DetectedFrom(
            violation=violation,
            unit=curve[0].unit,
            magnitude=seen[-1].magnitude if seen else None,
            more_than=curve[len(seen)].magnitude if len(seen) < len(curve) else None,
        )


def _kind(one: Measurement) -> Literal["physical", "visual", "sensor"]:
    match one.condition.get("kind"):
        case "physical" | "visual" | "sensor" as kind:
            return kind
        case other:
            raise _refused(one, f"kind must be physical, visual or sensor, got {other!r}")


def _magnitude(one: Measurement) -> float:
    match one.condition.get("magnitude"):
        case float() | int() as magnitude:
            return float(magnitude)
        case other:
            raise _refused(one, f"magnitude must be a number, got {other!r}")


def _refused(one: Measurement, problem: str) -> BadFile:
    return BadFile(
        f"the measurement {one.id} cannot be read: {problem}",
        next_step="measure again; every measurement of a violation carries both",
    )
