"""Which fields of the planner scope may differ from what was measured, and by how much?

A value is admitted where all of the cases ran in closed loop with it and nothing else changed:
success stays above its limit, drops by no more than a harmless nuisance may cost, and no monitor
alarms more often than stated. A range ends at the first value that does not, going outward from
the planner's own: a fixed sequence on each side, so that every value is tested at its full level.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import takewhile

from envelope.claims.alarms import alarm_rates, are_quiet
from envelope.claims.drift import admitted_goal_offsets
from envelope.claims.evidence import Evidence, Missing
from envelope.claims.planning import clean_success
from envelope.claims.words import at_least, number
from envelope.fields import value_at
from envelope.records import CalibratedMonitor, Criteria, Measurement, PlannerScope, Range, Scalar

_SUITE = "exploitation"
_AXES = {
    "num_samples": "num_samples",
    "iterations": "iterations",
    "execute_blocks": "execute_blocks",
    "budget_env_steps": "conventions.budget_env_steps",
}
"""Field of the planner scope by its name in the condition of a cell."""
_WORDS = {
    "num_samples": "{} samples",
    "iterations": "{} iterations",
    "execute_blocks": "{} blocks carried out of a plan",
    "conventions.budget_env_steps": "a budget of {} env steps",
}
"""A range of each field as people read it."""
_SOONER = "execute_blocks"
_OFFSET = "conventions.goal_offset_env_steps"


@dataclass(frozen=True)
class Ranges:
    """What is admitted off the planner's own values, and what showed it."""

    by_field: Mapping[str, Range]
    """By dotted name below `planner_scope`."""
    evidence: tuple[Measurement, ...]

    def words(self) -> str:
        """The ranges as the end of a sentence, goal distances aside; empty where there are none."""
        parts = [
            _WORDS[field].format(f"{number(one.low)} to {number(one.high)}")
            for field, one in self.by_field.items()
            if field != _OFFSET
        ]
        return ", ".join([*parts, "one at a time"] if len(parts) > 1 else parts)


@dataclass(frozen=True)
class _Point:
    """One value that was run."""

    value: float
    is_kept: bool
    evidence: tuple[Measurement, ...] = ()


def planner_ranges(
    evidence: Evidence,
    criteria: Criteria,
    planner: PlannerScope,
    monitors: Iterable[CalibratedMonitor],
) -> Ranges:
    """Judge every value of a field that was run besides the planner's own."""
    listed = tuple(monitors)
    found: dict[str, Range] = {}
    behind: list[Measurement] = []
    for key, field in _AXES.items():
        own = float(value_at(planner, field))
        points = _points(evidence, criteria, listed, key, own)
        if key == _SOONER and points:
            points = _with_gaps(points, own)
        down = _kept(point for point in points if point.value < own)
        up = _kept(point for point in points if point.value > own)
        if down or up:
            values = [own, *(point.value for point in (*down, *up))]
            found[field] = Range(low=min(values), high=max(values))
            behind += [one for point in (*down, *up) for one in point.evidence]
    if offsets := admitted_goal_offsets(evidence, criteria, planner, listed):
        found[_OFFSET] = offsets
    return Ranges(found, tuple(behind))


def replanning_sooner(own: float) -> set[float]:
    """How many blocks are carried out in the searches that replan sooner than after `own`."""
    return {1.0, (own + 1) // 2, own - 1} - {0.0, own}


def _with_gaps(points: Iterable[_Point], own: float) -> list[_Point]:
    """With a failing one for each that had to be run: what is gone must not widen the range.

    Of every other field one value is run on each side, and without it there is nothing to admit.
    """
    listed = list(points)
    gone = replanning_sooner(own) - {point.value for point in listed}
    listed += [_Point(value, is_kept=False) for value in gone]
    return sorted(listed, key=lambda point: (abs(point.value - own), point.is_kept))


def _kept(points: Iterable[_Point]) -> list[_Point]:
    """From the nearest one outward, up to the first that lost success or set off alarms."""
    return list(takewhile(lambda point: point.is_kept, points))


def _points(
    evidence: Evidence,
    criteria: Criteria,
    monitors: tuple[CalibratedMonitor, ...],
    key: str,
    own: float,
) -> list[_Point]:
    """Values of one field that have a cell or a summary, nearest first."""
    conditions = [cell.condition for cell in evidence.cells(_SUITE) if "pressure" in cell.condition]
    conditions += [one.condition for one in evidence.find(f"{_SUITE}/success_change")]
    names = {
        str(condition["pressure"]): float(condition[key])
        for condition in conditions
        if key in condition and "pressure" in condition and float(condition[key]) != own
    }
    points = [
        _point(evidence, criteria, monitors, name, value) for name, value in sorted(names.items())
    ]
    return sorted(points, key=lambda point: (abs(point.value - own), point.is_kept))


def _point(
    evidence: Evidence,
    criteria: Criteria,
    monitors: tuple[CalibratedMonitor, ...],
    pressure: str,
    value: float,
) -> _Point:
    try:
        evidence.need_suite(_SUITE)
        clean_success(evidence)
        cells = [
            cell
            for cell in evidence.cells(_SUITE, loop="closed")
            if cell.condition.get("pressure") == pressure
        ]
        evidence.need_rows(cells, pressure)
        success = evidence.need(f"{_SUITE}/success", pressure=pressure)
        change = evidence.need(f"{_SUITE}/success_change", pressure=pressure)
        about: dict[str, Scalar] = {"pressure": pressure}
        rates = alarm_rates(evidence, f"{_SUITE}/alarm_rate", about, monitors)
    except Missing:
        return _Point(value, is_kept=False)
    is_kept = (
        at_least(success.estimate, criteria.success_at_least) == "holds"
        and at_least(change.estimate, -criteria.max_success_drop) == "holds"
        and are_quiet(rates, criteria, monitors)
    )
    known = (success, change, *rates)
    return _Point(value, is_kept, tuple(one.measurement for one in known))
