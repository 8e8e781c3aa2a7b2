"""The closed-loop cells of one nuisance class, each with what it says about success.

A cell without its summary and a summary without its cell count too: as inconclusive, so that losing
either keeps the class from holding and from being admitted any farther.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from envelope.claims.evidence import Evidence, Known, Missing, agrees
from envelope.claims.many import among
from envelope.claims.planning import clean_success
from envelope.claims.words import figures, number, settle
from envelope.errors import BadFile
from envelope.records import Cell, Criteria, Measurement, Outcome
from envelope.records.units import in_unit, plain

FAILING: tuple[Outcome, ...] = ("fails_silently", "fails_alarm_unknown", "fails_loudly")
"""Worst first."""
FRAMES: tuple[Literal["current", "goal", "both"], ...] = ("current", "goal", "both")


@dataclass(frozen=True)
class Conditions:
    """The keys that every measurement under a nuisance carries."""

    nuisance: str
    direction: str
    strength: float
    amount: float
    unit: str
    nominal: float


@dataclass(frozen=True)
class Point:
    """One closed-loop cell: an amount of a nuisance, put on some of the frames."""

    direction: str
    strength: float
    amount: float
    frames: str
    outcome: Outcome
    reason: str
    drop: Known | None = None
    alarms: tuple[Measurement, ...] = ()


def shown(evidence: Evidence, nuisance: str) -> list[Conditions]:
    """Every condition under which the class was shown, in closed loop or open."""
    return [
        _conditions(one)
        for quantity in ("success_drop", "success", "displacement", "alarm_rate")
        for one in evidence.find(f"nuisance_shift/{quantity}", nuisance=nuisance)
    ]


def closed_loop_points(
    evidence: Evidence, criteria: Criteria, conditions: list[Conditions], monitors: tuple[str, ...]
) -> Iterable[Point]:
    """One point per summary of a drop, and one per closed-loop cell that has none."""
    nuisance = conditions[0].nuisance
    drops = evidence.find("nuisance_shift/success_drop", nuisance=nuisance)
    cells = [
        cell
        for cell in evidence.cells("nuisance_shift", nuisance=nuisance)
        if cell.arm == "model" and cell.condition.get("frames") in FRAMES
    ]
    for drop in drops:
        rows = [cell for cell in cells if agrees(cell, drop.condition) and any(cell.rows.values())]
        yield _point(evidence, criteria, drop, rows, monitors, num=max(len(drops), len(cells)))
    for cell in cells:
        if not any(agrees(cell, drop.condition) for drop in drops):
            yield _unsummarised(cell, conditions)


def _point(
    evidence: Evidence,
    criteria: Criteria,
    drop: Measurement,
    rows: list[Cell],
    monitors: tuple[str, ...],
    *,
    num: int,
) -> Point:
    """What one of `num` cells of its class says; any of them can make the class fail."""
    condition, limit = _conditions(drop), criteria.max_success_drop
    frames = str(drop.condition.get("frames"))
    where = (
        f"at {in_unit(number(condition.amount), condition.unit)} "
        f"({plain(condition.direction)}, {frames} frame)"
    )
    found = drop.estimate
    at = (condition.direction, condition.strength, condition.amount, frames)
    try:
        clean_success(evidence)
    except Missing as missing:
        return Point(*at, "inconclusive", f"{where} {missing.reason}")
    if not rows:
        return Point(*at, "inconclusive", f"{where} there are no rows behind the drop of success")
    if found is None:
        return Point(*at, "inconclusive", f"{where} the drop has no estimate: {drop.note}")
    outcome: Outcome = "inconclusive"
    alarms: tuple[Measurement, ...] = ()
    loss = f"{where} success drops by {figures(found, limit)}, {found.episodes} cases"
    if found.high <= limit:
        outcome = "robust"
    elif (of_all := among(found, num)).low > limit and is_significant(drop):
        outcome, words, alarms = alarm(evidence, criteria, drop, monitors)
        loss += f"; allowed {number(limit)}; {words}"
    else:
        loss += f"; allowed {number(limit)}"
        if found.low > limit:
            loss += f"; one of {num} cells may come so far by chance"
        loss += f"; {settle(of_all, limit, evidence.plan)}"
    return Point(*at, outcome, loss, Known(drop, found), alarms)


def num_points(evidence: Evidence) -> int:
    """How many closed-loop cells ran under any nuisance; one that lost its summary counts too."""
    cells = [
        cell
        for cell in evidence.cells("nuisance_shift")
        if cell.arm == "model" and cell.condition.get("frames") in FRAMES
    ]
    alone = [cell for cell in cells if "amounts" not in cell.condition]
    return max(len(alone), len(evidence.find("nuisance_shift/success_drop")))


def is_significant(drop: Measurement) -> bool:
    """Whether the paired test agrees, corrected for how many there are."""
    return drop.p_holm is not None and drop.p_holm <= 0.05


def alarm(
    evidence: Evidence,
    criteria: Criteria,
    drop: Measurement,
    monitors: tuple[str, ...],
    quantity: str = "closed_loop_alarm_rate",
) -> tuple[Outcome, str, tuple[Measurement, ...]]:
    """Is somebody warned? Silent only if every monitor was watched and none reaches the rate."""
    rate = criteria.detection_rate
    known: list[Known] = []
    for monitor in monitors:
        same = {**drop.condition, "monitor": monitor}
        for one in evidence.find(f"nuisance_shift/{quantity}", **same):
            if one.estimate is not None and one.condition == same:
                known.append(Known(one, one.estimate))
    words = ", ".join(
        f"{one.condition['monitor']} alarms in {figures(found, rate)}{_of_redraws(evidence, one)}"
        for one, found in known
    )
    alarms = tuple(one for one, _ in known)
    if any(found.low >= rate for _, found in known):
        return "fails_loudly", words, alarms
    if known and len(known) == len(monitors) and all(found.high < rate for _, found in known):
        return "fails_silently", words, alarms
    return "fails_alarm_unknown", words or "no alarm rate was measured", alarms


def _of_redraws(evidence: Evidence, rate: Measurement) -> str:
    """How far the rate might have lain, had chance drawn another monitor of the kind."""
    for one in evidence.find("nuisance_shift/alarm_rate_of_redraws", **rate.condition):
        if one.estimate is not None:
            least, most = number(one.estimate.low), number(one.estimate.high)
            return f" (over {one.condition['num_redraws']} other draws of it {least} to {most})"
    return ""


def _unsummarised(cell: Cell, conditions: list[Conditions]) -> Point:
    same = [
        one
        for one in conditions
        if cell.condition.get("direction", one.direction) == one.direction
        and cell.condition.get("strength", one.strength) == one.strength
    ]
    # At an amount that nobody knows it stands at nominal, where it blocks both sides.
    strength, amount = (same[0].strength, same[0].amount) if same else (0.0, conditions[0].nominal)
    direction = str(cell.condition.get("direction", same[0].direction if same else ""))
    frames = str(cell.condition["frames"])
    why = f"crashed: {cell.error}" if cell.status == "crashed" else "has no summary of the drop"
    reason = f"the closed-loop cell at {number(amount)} ({frames} frame) {why}"
    return Point(direction, strength, amount, frames, "inconclusive", reason)


def _conditions(one: Measurement) -> Conditions:
    try:
        return Conditions(
            nuisance=str(one.condition["nuisance"]),
            direction=str(one.condition["direction"]),
            strength=float(one.condition["strength"]),
            amount=float(one.condition["amount"]),
            unit=str(one.condition["unit"]),
            nominal=float(one.condition["nominal"]),
        )
    except (KeyError, ValueError) as error:
        raise BadFile(
            f"the measurement {one.id} does not say its amount and unit: {error}",
            next_step="measure again; every measurement under a nuisance carries both",
        ) from None
