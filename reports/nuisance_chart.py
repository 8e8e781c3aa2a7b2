"""The chart of one nuisance class: success, alarms and latent displacement by amount."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from string import ascii_lowercase

from envelope.records import Claim, Estimate, Measurement, NuisanceScope, Scalar
from envelope.records.units import unit_word
from reports.along import along, number_of
from reports.html import Html, Node, group, tag
from reports.svg import Label, Panel, chart, domain_of, rounded
from reports.view import View
from reports.words import amount, short

SHAPES = {"current": "disc", "goal": "square", "both": "diamond"}
STROKES = ("", " dashed", " dotted", " long")
"""Strokes of the directions of one class, in turn; letters tell them apart for good."""
APART = 11.0
"""Letters nearer than this would touch."""
RATE_HEIGHT, ALARM_HEIGHT, MOVE_HEIGHT, GAP = 124.0, 62.0, 78.0, 42.0


@dataclass(frozen=True, slots=True)
class Case:
    """One nuisance class with all that the record says about it."""

    name: str
    unit: str
    nominal: float
    scope: NuisanceScope | None
    claim: Claim | None
    success: list[Measurement]
    loop_alarms: list[Measurement]
    alarms: list[Measurement]
    shifts: list[Measurement]

    @property
    def all(self) -> list[Measurement]:
        """Every measurement that the chart shows."""
        return [*self.success, *self.loop_alarms, *self.alarms, *self.shifts]

    def letters(self) -> dict[str, str]:
        """A letter per direction, where lines of several lie over each other; else none."""
        shown = _grouped([*self.shifts, *self.alarms], "direction")
        spans = [points for rows in shown.values() if (points := along(rows, "amount"))]
        if not _overlapping(spans):
            return {}
        names = [str(dict(key).get("direction", "")) for key in shown]
        return dict(zip(names, ascii_lowercase, strict=False))

    def domain(self) -> tuple[float, float]:
        """Amounts shown, from the lowest to the highest, nominal among them."""
        values = [number_of(m.condition.get("amount")) for m in self.all]
        known = [value for value in values if value is not None] + [self.nominal]
        if self.scope:
            known += [self.scope.measured.low, self.scope.measured.high]
        low, high = min(known), max(known)
        room = (high - low) * 0.04 or 1.0
        return (low - room if low < self.nominal else low, high + room)


def drawing(case: Case, place: int, view: View) -> Html:
    """The panels of one class, one under the other.

    Args:
        case: what the record says about the class.
        place: its place among the classes, from 1.
        view: the record.
    """
    x = case.domain()
    monitors = list(
        dict.fromkeys(
            str(m.condition.get("monitor", "monitor")) for m in [*case.alarms, *case.loop_alarms]
        )
    )
    move_top = 30 + RATE_HEIGHT + GAP + len(monitors) * (ALARM_HEIGHT + GAP)
    success = Panel.at(30, RATE_HEIGHT, x, (0.0, 1.0))
    alarms = [
        _alarm_panel(
            case,
            name,
            Panel.at(
                30 + RATE_HEIGHT + GAP + i * (ALARM_HEIGHT + GAP), ALARM_HEIGHT, x, (0.0, 1.0)
            ),
            view,
        )
        for i, name in enumerate(monitors)
    ]
    moves = [m.estimate.high for m in case.shifts if m.estimate]
    move = Panel.at(move_top, MOVE_HEIGHT, x, (0.0, domain_of(moves)))
    xs = {number_of(m.condition.get("amount")) for m in case.all}
    feet = sorted({case.nominal, *(value for value in xs if value is not None)})
    unit = unit_word(case.unit)
    name = f"amount, {unit} (nominal {short(case.nominal)})" if unit else "amount"
    return chart(
        f"nuisance-{place}",
        f"{case.name}: success, alarms and latent displacement by amount",
        _spoken(case),
        move_top + MOVE_HEIGHT + 42,
        _success_panel(case, success, view),
        alarms,
        _move_panel(case, move),
        move.foot(feet, name),
    )


def _spoken(case: Case) -> str:
    points = along(case.success, "amount")
    said = "; ".join(f"{amount(x, case.unit)}: success {rounded(e.value)}" for x, e in points)
    return f"{case.name}. {said or 'Success was not measured in closed loop'}."


def _success_panel(case: Case, panel: Panel, view: View) -> Html:
    labels: list[Label] = []
    drawn: list[Node] = []
    for arm, words, class_ in (("model", "clean", "clean"), ("random", "random", "random")):
        reference = view.estimate("planning", "success", arm=arm)
        if reference is not None:
            drawn += [
                panel.strip(reference, f"{class_}-strip"),
                panel.level(reference.value, class_),
            ]
            labels.append(Label(panel.y(reference.value), f"{words} {rounded(reference.value)}"))
    limit = None
    clean = view.estimate("planning", "success", arm="model")
    if clean is not None:
        least = max(0.0, clean.value - view.envelope.criteria.max_success_drop)
        limit = panel.level(least, "limit")
        labels.append(Label(panel.y(least), "allowed drop", "limit-word"))
    return group(
        _scope_spans(case, panel),
        panel.grid("success, closed loop", 2),
        drawn,
        limit,
        panel.upright(case.nominal, "nominal"),
        _series(case.success, panel, case, start=clean),
        panel.margin(labels),
    )


def _scope_spans(case: Case, panel: Panel) -> Html:
    measured = [x for x, _ in along(case.success, "amount")]
    low = min([case.nominal, *measured])
    high = max([case.nominal, *measured])
    admitted = None
    if case.scope is not None:
        admitted = panel.span(case.scope.admitted.low, case.scope.admitted.high, "admitted")
    return group(
        panel.span(panel.x.low, low, "unmeasured"),
        panel.span(high, panel.x.high, "unmeasured"),
        admitted,
    )


def _alarm_panel(case: Case, monitor: str, panel: Panel, view: View) -> Html:
    def of(rows: Sequence[Measurement]) -> list[Measurement]:
        return [m for m in rows if str(m.condition.get("monitor", "monitor")) == monitor]

    wanted = view.envelope.criteria.detection_rate
    labels = [Label(panel.y(wanted), f"stated rate {short(wanted)}", "limit-word")]
    return group(
        panel.grid(f"alarms of {monitor} (line: recorded, points: closed loop)", 2),
        panel.level(wanted, "limit"),
        panel.upright(case.nominal, "nominal"),
        _open_lines(of(case.alarms), panel, case.letters()),
        _series(of(case.loop_alarms), panel, case, start=None),
        panel.margin(labels),
    )


def _move_panel(case: Case, panel: Panel) -> Html:
    labels = [Label(panel.y(1.0), "one block", "one")]
    return group(
        panel.grid("latent displacement, in lawful action blocks", 2),
        panel.level(1.0, "one-line"),
        panel.upright(case.nominal, "nominal"),
        _open_lines(case.shifts, panel, case.letters()),
        panel.margin(labels),
    )


Group = tuple[tuple[str, Scalar], ...]


def _grouped(rows: Sequence[Measurement], *keys: str) -> dict[Group, list[Measurement]]:
    found: dict[Group, list[Measurement]] = {}
    for row in rows:
        key = tuple((k, row.condition[k]) for k in keys if k in row.condition)
        found.setdefault(key, []).append(row)
    return found


def _open_lines(rows: Sequence[Measurement], panel: Panel, letters: Mapping[str, str]) -> Html:
    """Lines over the amount; where there are letters, each ends in its own."""
    lines: list[Node] = []
    ends: list[tuple[float, float, str]] = []
    for key, members in _grouped(rows, "direction", "monitor").items():
        points = along(members, "amount")
        if not points:
            continue
        direction = str(dict(key).get("direction", ""))
        letter = letters.get(direction)
        stroke = f"series thin{STROKES[ord(letter) % len(STROKES)]}" if letter else "series thin"
        lines += [
            panel.band(points, "area") if letter is None else None,
            panel.line([(x, e.value) for x, e in points], stroke),
            panel.specks(points),
        ]
        if letter:
            x, e = points[-1]
            ends.append((panel.x(x), panel.y(e.value), letter))
    words = [tag("text", word, x=x + 5, y=y + 4) for x, y, word in _met(ends)]
    return group(lines, tag("g", words, class_="ends") if words else None)


def _met(ends: Iterable[tuple[float, float, str]]) -> list[tuple[float, float, str]]:
    """Letters of lines that end in one place stand in one word there."""
    found: list[tuple[float, float, str]] = []
    for x, y, letter in sorted(ends, key=lambda end: (end[1], end[2])):
        place = next(
            (i for i, (a, b, _) in enumerate(found) if abs(a - x) < APART and abs(b - y) < APART),
            None,
        )
        if place is None:
            found.append((x, y, letter))
        else:
            a, b, word = found[place]
            found[place] = (max(a, x), b, word + letter)
    return found


def _overlapping(lines: Sequence[Sequence[tuple[float, Estimate]]]) -> bool:
    spans = sorted((points[0][0], points[-1][0]) for points in lines)
    return any(a[1] > b[0] + 1e-9 for a, b in pairwise(spans))


def _series(rows: Sequence[Measurement], panel: Panel, case: Case, start: Estimate | None) -> Html:
    """Points with whiskers, joined from the nominal value outward."""
    drawn: list[Node] = []
    for key, members in _grouped(rows, "direction", "frames", "monitor").items():
        points = along(members, "amount")
        if not points:
            continue
        setting = dict(key)
        frames = str(setting.get("frames", "current"))
        joined = [(x, e.value) for x, e in points]
        if start is not None:
            joined = sorted([(case.nominal, start.value), *joined])
        name = " · ".join(str(value) for _, value in key)
        drawn.append(panel.line(joined, "series thin between"))
        drawn += [
            panel.dot(x, e, f"{name} · {amount(x, case.unit)}", "model", SHAPES.get(frames, "disc"))
            for x, e in points
        ]
    return group(drawn)
