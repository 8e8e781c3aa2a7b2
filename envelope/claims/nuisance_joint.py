"""May several nuisances be off nominal at once? Only if they were, together, and success was kept.

The box is judged by two cells: amounts drawn evenly inside it, and its ends, where corners are.
"""

from functools import partial

from envelope.claims.evidence import Evidence, Known, Missing
from envelope.claims.nuisance import Class
from envelope.claims.nuisance_points import alarm, is_significant
from envelope.claims.planning import clean_success
from envelope.claims.rules import CLOSED_LOOP, Judged, Rule
from envelope.claims.words import at_most, figures, number, settle
from envelope.records import Cell, Claim, Criteria

JOINT = "nuisance.joint"
_SUITE = "nuisance_shift"
_AMOUNTS = {"uniform": "inside their ranges", "ends": "at the ends of their ranges"}


def joint_claim(
    evidence: Evidence, criteria: Criteria, classes: dict[str, Class], monitors: tuple[str, ...]
) -> Claim:
    """One recorded bound about all admitted classes together."""
    limit = number(criteria.max_success_drop)
    return Rule(
        id=JOINT,
        family="F2",
        is_bound=True,
        statement=f"Success drops by at most {limit} when all admitted nuisances are drawn "
        "together inside their ranges, on the current frame.",
        criterion=f"success_drop <= {limit}",
        rests_on=CLOSED_LOOP,
        suites=("planning", _SUITE),
    ).claim(partial(_judge, evidence, criteria, classes, monitors))


def is_admitted(found: Class) -> bool:
    """Whether any amount off nominal is."""
    return found.admitted.low < found.admitted.high


def covers(cell: Cell, classes: dict[str, Class]) -> str:
    """What of the admitted ranges lies outside the box of a cell; empty when nothing does."""
    for name, found in classes.items():
        admitted = found.admitted
        if not is_admitted(found):
            continue
        low, high = cell.condition.get(f"low.{name}"), cell.condition.get(f"high.{name}")
        if low is None or high is None:
            return f"{name} is admitted and was not among them"
        if float(low) > admitted.low or float(high) < admitted.high:
            return (
                f"{name} is admitted from {number(admitted.low)} to {number(admitted.high)} and "
                f"was drawn from {number(float(low))} to {number(float(high))}"
            )
    return ""


def _judge(
    evidence: Evidence, criteria: Criteria, classes: dict[str, Class], monitors: tuple[str, ...]
) -> Judged:
    evidence.need_suite(_SUITE)
    clean_success(evidence)
    admitted = [name for name, one in classes.items() if is_admitted(one)]
    crashed = [one for one in evidence.cells(_SUITE) if one.status == "crashed"]
    if len(admitted) < 2 and crashed:
        evidence.need_rows(crashed, _SUITE)
    if len(admitted) < 2:
        raise Missing(f"{len(admitted)} classes are admitted, so none can be drawn together")
    limit = criteria.max_success_drop
    known: list[Known] = []
    reasons: list[str] = []
    for amounts, where in _AMOUNTS.items():
        measurement, drop = _drop(evidence, classes, amounts)
        known.append(Known(measurement, drop))
        verdict = at_most(drop, limit)
        reasons.append(
            f"with {measurement.condition['num_classes']} classes {where} success drops by "
            f"{figures(drop, limit)}, {drop.episodes} cases"
        )
        evidence_so_far = [one for one, _ in known]
        if verdict == "fails" and is_significant(measurement):
            outcome, words, alarms = alarm(
                evidence, criteria, measurement, monitors, "joint_closed_loop_alarm_rate"
            )
            reason = f"{'; '.join(reasons)}; allowed {number(limit)}; {words}"
            return Judged("fails", outcome, reason, [*evidence_so_far, *alarms], drop)
        if verdict != "holds":
            reason = f"{'; '.join(reasons)}; allowed {number(limit)}; {settle(drop, limit)}"
            return Judged("unknown", "inconclusive", reason, evidence_so_far, drop)
    worst = max(known, key=lambda one: one.estimate.high)
    return Judged("holds", "robust", "; ".join(reasons), [one for one, _ in known], worst.estimate)


def _drop(evidence: Evidence, classes: dict[str, Class], amounts: str) -> Known:
    cells = [
        cell
        for cell in evidence.cells(_SUITE, nuisance="joint", amounts=amounts)
        if cell.condition.get("loop") == "joint"
    ]
    where = _AMOUNTS[amounts]
    if not cells:
        raise Missing(f"no closed-loop cell was run with all classes {where}")
    evidence.need_rows(cells, f"nuisance_shift with all classes {where}")
    if outside := covers(cells[0], classes):
        raise Missing(f"the joint cell was drawn from another box: {outside}")
    return evidence.need(f"{_SUITE}/joint_success_drop", amounts=amounts)
