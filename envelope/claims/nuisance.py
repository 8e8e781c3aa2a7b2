"""How much of each nuisance leaves success alone, and is somebody warned beyond that?

A class holds only once its strongest strength was run, and fails from its smallest failing amount:
both are in the criteria, fixed before the run, so leaving a cell out does not make a class hold.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from envelope.claims.evidence import Evidence, Missing
from envelope.claims.nuisance_boundary import boundaries, nearest, words
from envelope.claims.nuisance_points import (
    FAILING,
    FRAMES,
    Conditions,
    Point,
    closed_loop_points,
    shown,
)
from envelope.claims.planning import clean_success
from envelope.claims.rules import CLOSED_LOOP, Judged, Rule
from envelope.claims.words import number
from envelope.records import (
    Boundary,
    Claim,
    Criteria,
    NuisanceScope,
    Outcome,
    Range,
    Strength,
    Verdict,
)
from envelope.records.units import in_unit, plain


@dataclass(frozen=True)
class Class:
    """One nuisance class and all its closed-loop points."""

    name: str
    unit: str
    nominal: float
    points: tuple[Point, ...]
    boundaries: tuple[Boundary, ...]
    shown: tuple[Conditions, ...]
    """Every condition under which it was shown, open loop included."""

    @property
    def admitted(self) -> Range:
        """Amounts on both sides of nominal up to which every point is robust."""
        low = self._edge([point for point in self.points if point.amount <= self.nominal])
        high = self._edge([point for point in self.points if point.amount >= self.nominal])
        return Range(low=low, high=high)

    @property
    def measured(self) -> Range:
        """Amounts between which success was measured in closed loop."""
        amounts = [point.amount for point in self.points if point.drop] + [self.nominal]
        return Range(low=min(amounts), high=max(amounts))

    def distance(self, point: Point) -> float:
        """How far a point is from no nuisance at all."""
        return abs(point.amount - self.nominal)

    def scope(self) -> NuisanceScope:
        """The class as the envelope records it."""
        admitted = self.admitted
        behind = {
            point.frames
            for point in self.points
            if point.outcome == "robust" and admitted.low <= point.amount <= admitted.high
        }
        return NuisanceScope(
            unit=self.unit,
            nominal=self.nominal,
            measured=self.measured,
            admitted=admitted,
            frames=[frames for frames in FRAMES if frames in behind],
            boundaries=list(self.boundaries),
            strengths=[*self._closed(), *self._open_only()],
        )

    def _closed(self) -> Iterable[Strength]:
        for frames in FRAMES:
            for point in (one for one in self.points if one.frames == frames):
                yield Strength(
                    direction=point.direction,
                    frames=frames,
                    strength=point.strength,
                    amount=point.amount,
                    outcome=point.outcome,
                )

    def _open_only(self) -> Iterable[Strength]:
        ran = {(p.direction, p.strength) for p in self.points if p.frames == "current"}
        for one in dict.fromkeys(self.shown):
            if (one.direction, one.strength) not in ran:
                yield Strength(
                    direction=one.direction,
                    frames="current",
                    strength=one.strength,
                    amount=one.amount,
                    outcome="not_measured",
                )

    def _edge(self, points: Iterable[Point]) -> float:
        edge = self.nominal
        for _, group in groupby(sorted(points, key=self.distance), key=self.distance):
            same = list(group)
            if any(point.outcome != "robust" for point in same):
                break
            edge = same[0].amount
        return edge


def nuisance_classes(
    evidence: Evidence, criteria: Criteria, monitors: Iterable[str]
) -> dict[str, Class]:
    """Every class of the criteria of which anything was measured, in closed loop or open."""
    names = tuple(monitors)
    found: dict[str, Class] = {}
    for nuisance in sorted(criteria.nuisances):
        conditions = shown(evidence, nuisance)
        if conditions:
            points = tuple(closed_loop_points(evidence, criteria, conditions, names))
            found[nuisance] = Class(
                name=nuisance,
                unit=conditions[0].unit,
                nominal=conditions[0].nominal,
                points=points,
                boundaries=tuple(boundaries(points, conditions, criteria.max_success_drop)),
                shown=tuple(conditions),
            )
    return found


def nuisance_claims(
    evidence: Evidence, criteria: Criteria, classes: dict[str, Class]
) -> list[Claim]:
    """One recorded bound per class of the criteria."""
    limit = number(criteria.max_success_drop)
    return [
        Rule(
            id=f"nuisance.{name}",
            family="F2",
            is_bound=True,
            statement=f"Success drops by at most {limit} under {name} of every strength up to "
            f"{number(_strongest(criteria, name))}, {_where(classes.get(name))}.",
            criterion=f"success_drop <= {limit}",
            rests_on=(*CLOSED_LOOP, f"input_scope.nuisance.{name}"),
            suites=("planning", "nuisance_shift"),
        ).claim(partial(_judge, evidence, criteria, name, classes.get(name)))
        for name in sorted(criteria.nuisances)
    ]


def _judge(evidence: Evidence, criteria: Criteria, name: str, found: Class | None) -> Judged:
    cells = evidence.cells("nuisance_shift", nuisance=name)
    if any(cell.status == "crashed" for cell in cells):
        evidence.need_rows(cells, f"nuisance_shift under {name}")
    clean_success(evidence)
    if found is None or not found.points:
        if "nuisance_shift" not in evidence.plan.suites:
            raise Missing("the suite nuisance_shift was not part of the run")
        how = "only shown in open loop" if found else "not shown at all"
        raise Missing(f"{how}; no closed-loop cell was run under {name}")
    failing = [point for point in found.points if point.outcome in FAILING]
    if failing:
        point = min(failing, key=lambda p: (found.distance(p), FAILING.index(p.outcome)))
        outcome, weaker = point.outcome, _not_run_below(criteria, name, found, point)
        reason = f"{point.reason}; {_kept(found)}"
        is_open_below = not any(p.outcome == "robust" for p in found.points)
        if weaker:
            reason += f"; strengths {', '.join(map(number, weaker))} below it were not run"
            if outcome == "fails_loudly" and is_open_below:
                # What is loud at one strength may well be silent at a weaker one that fails too.
                outcome = "fails_alarm_unknown"
        elif outcome == "fails_loudly" and is_open_below:
            reason += "; what is weaker was not run and may fail silently"
        return _judged("fails", outcome, reason, point)
    open_points = [point for point in found.points if point.outcome != "robust"]
    if open_points:
        point = min(open_points, key=found.distance)
        return _judged("unknown", "inconclusive", f"{point.reason}; {_kept(found)}", point)
    point = max(found.points, key=lambda p: (p.strength, found.distance(p)))
    strongest = _strongest(criteria, name)
    if point.strength < strongest:
        reason = f"{_kept(found)}; strength {number(strongest)} was not run in closed loop"
        return _judged("unknown", "inconclusive", reason, point)
    return _judged("holds", "robust", f"{_kept(found)}; farthest, {point.reason}", point)


def _where(found: Class | None) -> str:
    """Of directions that did not run nothing but what they do to the latent is known."""
    ran = dict.fromkeys(plain(point.direction) for point in found.points) if found else {}
    named = f" ({', '.join(ran)})" if ran else ""
    return f"in the directions{named} and on the frames that ran"


def _strongest(criteria: Criteria, name: str) -> float:
    return max(criteria.nuisances[name], default=1.0)


def _not_run_below(criteria: Criteria, name: str, found: Class, failing: Point) -> list[float]:
    """Strengths of the criteria between the strongest that kept success and the one that fails."""
    ran = {point.strength for point in found.points}
    kept = max((p.strength for p in found.points if p.outcome == "robust"), default=0.0)
    between = [s for s in criteria.nuisances[name] if kept < s < failing.strength]
    return [strength for strength in between if strength not in ran]


def _judged(verdict: Verdict, outcome: Outcome, reason: str, point: Point) -> Judged:
    decided = [point.drop.measurement] if point.drop else []
    estimate = point.drop.estimate if point.drop else None
    return Judged(verdict, outcome, reason, [*decided, *point.alarms], estimate)


def _kept(found: Class) -> str:
    admitted = found.admitted
    if admitted.low == admitted.high:
        kept = "success was shown to be kept at no amount"
    elif admitted.low == found.nominal:
        kept = f"success is kept up to {in_unit(number(admitted.high), found.unit)}"
    else:
        kept = (
            f"success is kept from {number(admitted.low)} to "
            f"{in_unit(number(admitted.high), found.unit)}"
        )
    if not found.boundaries:
        return kept
    return f"{kept}; {words(nearest(found.boundaries, found.nominal), found.unit, found.nominal)}"
