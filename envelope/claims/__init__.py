"""Measurements and criteria in, claims out. Pure: no clock, no files, no statistics library.

Every verdict is decided by the ends of an interval, never by a value in the middle, and evidence
that is missing makes a claim `unknown`. Each rule lives beside the reason sentence it gives.
"""

from dataclasses import dataclass

from envelope.claims.cost import cost_claims
from envelope.claims.drift import drift_claims
from envelope.claims.evidence import Evidence
from envelope.claims.exploitation import exploitation_claims
from envelope.claims.monitor_records import monitor_record
from envelope.claims.monitors import monitor_claims
from envelope.claims.not_measured import not_measured
from envelope.claims.nuisance import nuisance_claims, nuisance_classes
from envelope.claims.nuisance_joint import judge_box
from envelope.claims.planner_ranges import planner_ranges
from envelope.claims.planning import planning_claims
from envelope.claims.quiet import quiet_claims
from envelope.claims.recorded import without_simulator
from envelope.claims.representation import representation_claims
from envelope.claims.worst_case import worst_case_claims
from envelope.records import (
    Claim,
    Criteria,
    Measurements,
    Monitor,
    NotMeasured,
    NuisanceScope,
    Range,
)

__all__ = ["ClaimSet", "make_claims"]


@dataclass(frozen=True)
class ClaimSet:
    """All that criteria make of measurements."""

    claims: list[Claim]
    monitors: list[Monitor]
    nuisance: dict[str, NuisanceScope]
    planner_admitted: dict[str, Range]
    """Axes of the planner scope that are admitted off their nominal point, by dotted name."""
    joint_scale: float
    """How far several nuisances may be off nominal at once, as a share of their admitted ranges; 0
    where they may not."""
    not_measured: list[NotMeasured]


def make_claims(measurements: Measurements, criteria: Criteria) -> ClaimSet:
    """Judge every claim that the criteria ask for.

    Classes come in alphabetical order: the order of keys in a file carries no meaning, so it must
    not move the record.

    Raises:
        BadFile: measurements that contradict themselves, such as two summaries with one id.
    """
    evidence = Evidence(measurements)
    calibrated = {monitor.name: monitor for monitor in measurements.monitors}
    classes = nuisance_classes(evidence, criteria, calibrated)
    together = judge_box(evidence, criteria, classes, tuple(calibrated))
    planner = measurements.planner_scope
    ranges = planner_ranges(evidence, criteria, planner, calibrated.values())
    also = ranges.words()
    watching = monitor_claims(evidence, criteria, calibrated, also=also)
    made = [
        *planning_claims(evidence, criteria, also=also, shown_by=ranges.evidence),
        *representation_claims(evidence, criteria),
        *cost_claims(evidence, criteria),
        *nuisance_claims(evidence, criteria, classes),
        together.claim,
        *worst_case_claims(evidence, criteria, classes, together),
        *watching,
        *quiet_claims(evidence, criteria, classes, calibrated),
        *drift_claims(evidence, criteria, planner),
        *exploitation_claims(evidence, criteria),
    ]
    claims = without_simulator(made, measurements)
    return ClaimSet(
        claims=claims,
        monitors=[
            monitor_record(evidence, criteria, monitor, watching) for monitor in calibrated.values()
        ],
        nuisance={name: found.scope() for name, found in classes.items()},
        planner_admitted=dict(ranges.by_field),
        joint_scale=together.scale,
        not_measured=not_measured(measurements, criteria, claims),
    )
