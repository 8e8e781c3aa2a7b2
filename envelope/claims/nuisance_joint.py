"""May several nuisances be off nominal at once? Only if they were, together, and success was kept.

A box is judged by two cells: amounts drawn evenly inside it, and its ends, where corners are. It is
tried at a quarter of the admitted ranges first, and at more only where every smaller one held: a
fixed sequence, so that each test keeps its full level (docs/decisions/0007).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from envelope.claims.evidence import Evidence, Known, Missing
from envelope.claims.many import among
from envelope.claims.nuisance import Class
from envelope.claims.nuisance_points import alarm, is_significant
from envelope.claims.planning import clean_success
from envelope.claims.rules import CLOSED_LOOP, Judged, Rule
from envelope.claims.words import at_most, figures, number, settle
from envelope.records import JOINT_SCALES, Cell, Claim, Criteria, Scalar

JOINT = "nuisance.joint"
_SUITE = "nuisance_shift"
_AMOUNTS = {"uniform": "inside {}", "ends": "at the ends of {}"}


@dataclass(frozen=True)
class Box:
    """What is known of all admitted nuisances at once."""

    claim: Claim
    """One recorded bound about the largest box that held, or the smallest where none did."""
    scale: float
    """How far that box goes, as a share of the admitted ranges; 0 where none held."""
    where: str
    """The share that the claim is about, as the beginning of `their ranges`; empty for all."""


def judge_box(
    evidence: Evidence, criteria: Criteria, classes: dict[str, Class], monitors: tuple[str, ...]
) -> Box:
    """Judge the boxes from the smallest one on, up to the first that did not hold."""
    scale, judged = 0.0, Judged("unknown", "not_measured", "")
    try:
        _need_several(evidence, classes)
        for tried in _scales(evidence):
            found = _judged(evidence, criteria, classes, monitors, tried)
            if found.verdict != "holds":
                beyond = f"{judged.reason}; beyond that, {found.reason}"
                judged = replace(judged, reason=beyond) if scale else found
                break
            scale, judged = tried, found
    except Missing as missing:
        judged = Judged("unknown", missing.outcome, missing.reason)
    limit = number(criteria.max_success_drop)
    where = _share(scale or _scales(evidence)[0])
    rule = Rule(
        id=JOINT,
        family="F2",
        is_bound=True,
        statement=f"Success drops by at most {limit} when all admitted nuisances are drawn "
        f"together inside {where}their ranges, on the current frame.",
        criterion=f"success_drop <= {limit}",
        rests_on=CLOSED_LOOP,
        suites=("planning", _SUITE),
    )
    return Box(rule.claim(lambda: judged), scale, where)


def is_admitted(found: Class) -> bool:
    """Whether any amount off nominal is."""
    return found.admitted.low < found.admitted.high


def covers(cell: Cell, classes: dict[str, Class], scale: float = 1.0) -> str:
    """What of the admitted ranges, or of this share of them, lies outside the box of a cell."""
    for name, found in classes.items():
        if not is_admitted(found):
            continue
        admitted = found.admitted.shrunk(found.nominal, scale)
        low, high = cell.condition.get(f"low.{name}"), cell.condition.get(f"high.{name}")
        if low is None or high is None:
            return f"{name} is admitted and was not among them"
        if float(low) > admitted.low or float(high) < admitted.high:
            return (
                f"{name} is admitted from {number(admitted.low)} to {number(admitted.high)} and "
                f"was drawn from {number(float(low))} to {number(float(high))}"
            )
    return ""


def _need_several(evidence: Evidence, classes: dict[str, Class]) -> None:
    evidence.need_suite(_SUITE)
    clean_success(evidence)
    admitted = [name for name, one in classes.items() if is_admitted(one)]
    crashed = [one for one in evidence.cells(_SUITE) if one.status == "crashed"]
    if len(admitted) < 2 and crashed:
        evidence.need_rows(crashed, _SUITE)
    if len(admitted) < 2:
        raise Missing(f"{len(admitted)} classes are admitted, so none can be drawn together")


def _scales(evidence: Evidence) -> Sequence[float]:
    """The boxes in the order in which they are tried; runs of old had one of full size."""
    cells = evidence.cells(_SUITE, nuisance="joint", loop="joint")
    is_old = any("scale" not in cell.condition for cell in cells if "amounts" in cell.condition)
    return (1.0,) if is_old else JOINT_SCALES


def _share(scale: float) -> str:
    return "" if scale == 1 else f"{number(scale)} of "


def _judged(
    evidence: Evidence,
    criteria: Criteria,
    classes: dict[str, Class],
    monitors: tuple[str, ...],
    scale: float,
) -> Judged:
    try:
        return _judge(evidence, criteria, classes, monitors, scale)
    except Missing as missing:
        return Judged("unknown", missing.outcome, missing.reason)


def _judge(
    evidence: Evidence,
    criteria: Criteria,
    classes: dict[str, Class],
    monitors: tuple[str, ...],
    scale: float,
) -> Judged:
    limit = criteria.max_success_drop
    known: list[Known] = []
    reasons: list[str] = []
    for amounts in _AMOUNTS:
        measurement, drop = _drop(evidence, classes, amounts, scale)
        known.append(Known(measurement, drop))
        verdict = at_most(drop, limit)
        reasons.append(
            f"with {measurement.condition['num_classes']} classes {_where(amounts, scale)} success "
            f"drops by {figures(drop, limit)}, {drop.episodes} cases"
        )
        evidence_so_far = [one for one, _ in known]
        surely = at_most(among(drop, len(_AMOUNTS)), limit)
        if surely == "fails" and is_significant(measurement):
            outcome, words, alarms = alarm(
                evidence, criteria, measurement, monitors, "joint_closed_loop_alarm_rate"
            )
            reason = f"{'; '.join(reasons)}; allowed {number(limit)}; {words}"
            return Judged("fails", outcome, reason, [*evidence_so_far, *alarms], drop)
        if verdict != "holds":
            reasons += [f"allowed {number(limit)}", settle(drop, limit, evidence.plan)]
            reason = "; ".join(reasons)
            return Judged("unknown", "inconclusive", reason, evidence_so_far, drop)
    worst = max(known, key=lambda one: one.estimate.high)
    return Judged("holds", "robust", "; ".join(reasons), [one for one, _ in known], worst.estimate)


def _where(amounts: str, scale: float) -> str:
    return _AMOUNTS[amounts].format(f"{_share(scale)}their ranges")


def _drop(evidence: Evidence, classes: dict[str, Class], amounts: str, scale: float) -> Known:
    cells = [
        cell
        for cell in evidence.cells(_SUITE, nuisance="joint", amounts=amounts, scale=scale)
        if cell.condition.get("loop") == "joint"
    ]
    where = _where(amounts, scale)
    if not cells:
        raise Missing(f"no closed-loop cell was run with all classes {where}")
    evidence.need_rows(cells, f"nuisance_shift with all classes {where}")
    if outside := covers(cells[0], classes, scale):
        raise Missing(f"the joint cell was drawn from another box: {outside}")
    said: dict[str, Scalar] = {"amounts": amounts}
    if "scale" in cells[0].condition:
        said["scale"] = scale
    return evidence.need(f"{_SUITE}/joint_success_drop", **said)
