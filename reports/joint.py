"""Several nuisances at once: the box of all admitted ranges."""

from envelope.records import Cell, Estimate, InputScope, Measurement
from envelope.records.units import in_unit
from reports.along import number_of
from reports.evidence import evidence
from reports.fields import range_words
from reports.html import Html, Node, group, tag
from reports.parts import not_measured, section, table, verdict_lines
from reports.svg import Row, domain_of, dot_rows, rounded
from reports.view import View
from reports.words import count, mark, number, short

SUITE = "nuisance_shift"
CLAIM = "nuisance.joint"
_AMOUNTS = {"uniform": "drawn inside {}the ranges", "ends": "at the ends of {}the ranges"}


def is_joint(m: Measurement) -> bool:
    """Whether a measurement of the suite is of several classes at once."""
    return m.quantity.startswith("joint_")


def joint(view: View) -> Html:
    """The section on several classes off nominal at once (F2)."""
    claims = view.claims_under(CLAIM)
    found = view.find(SUITE, "joint_success")
    body: Node = not_measured("several nuisances at once. Only one may be off nominal at a time.")
    if found:
        body = group(
            tag("div", _success(view, found), _alarms(view), class_="figures"),
            _box(view),
            evidence(view, [SUITE], is_joint),
        )
    return section(
        "joint",
        view.number("joint"),
        "Several at once",
        "Does success hold when every admitted nuisance is off nominal together? Without it the "
        "record admits one at a time.",
        verdict_lines(claims, view),
        body,
        claims=claims,
        said=_said(view),
    )


def _how(m: Measurement) -> str:
    given = str(m.condition.get("amounts", "together"))
    scale = _scale(m)
    part = "" if scale == 1 else f"{short(scale)} of "
    return _AMOUNTS.get(given, given.replace("_", " ")).format(part)


def _said(view: View) -> str:
    parts = []
    for m in _decisive(view, "joint_success_drop"):
        if m.estimate is not None:
            num = m.condition.get("num_classes", 0)
            parts.append(
                f"{count(int(num), 'class', 'classes')} {_how(m)}: success drops by "
                f"{number(m.estimate.value, 2)}"
            )
    if not parts:
        return "Not measured: one nuisance off nominal at a time."
    held = together_words(view.envelope.input_scope)
    return f"{'; '.join(parts)}. Admitted: {held}."


def _decisive(view: View, quantity: str) -> list[Measurement]:
    """Those of the largest box that held; of the smallest that was tried where none did."""
    scope, found = view.envelope.input_scope, view.find(SUITE, quantity)
    smallest = min((_scale(m) for m in found), default=1.0)
    wanted = scope.joint_scale if scope.joint else smallest
    return [m for m in found if _scale(m) == wanted]


def _scale(m: Measurement) -> float:
    return number_of(m.condition.get("scale")) or 1.0


def together_words(scope: InputScope) -> str:
    """Whether, and how far, several nuisances may be off nominal at once."""
    if not scope.joint:
        return "one nuisance off nominal at a time"
    if scope.joint_scale == 1:
        return "several off nominal at once"
    return f"several off nominal at once, within {short(scope.joint_scale)} of their ranges"


def _success(view: View, found: list[Measurement]) -> Html:
    clean = view.estimate("planning", "success", arm="model")
    rows = [
        Row("clean world", clean, "reference"),
        *(Row(_how(m), m.estimate, "model") for m in found),
    ]
    if clean is not None:
        least = max(0.0, clean.value - view.envelope.criteria.max_success_drop)
        limits = [(least, "allowed drop" if place == 0 else "") for place in range(len(found))]
        rows[1:] = [
            Row(row.name, row.estimate, "model", (), limit)
            for row, limit in zip(rows[1:], limits, strict=True)
        ]
    return _figure("joint-success", "Success", " in closed loop, on the same cases.", rows)


def _alarms(view: View) -> Html:
    rows = [
        Row(f"{m.condition.get('monitor', 'monitor')}, {_how(m)}", m.estimate, "model")
        for m in _decisive(view, "joint_closed_loop_alarm_rate")
    ]
    if not rows:
        words = tag("figcaption", tag("b", "Alarms"), " under several nuisances at once.")
        return tag("figure", words, not_measured("alarms under several nuisances at once."))
    return _figure("joint-alarms", "Alarms", " share of those episodes with an alarm.", rows)


def _figure(slug: str, name: str, words: str, rows: list[Row]) -> Html:
    known: list[Estimate] = [row.estimate for row in rows if row.estimate]
    said = "; ".join(
        f"{row.name} {rounded(row.estimate.value) if row.estimate else 'not measured'}"
        for row in rows
    )
    drawing = dot_rows(slug, name, f"{said}.", rows, (0.0, domain_of(e.high for e in known)))
    return tag("figure", tag("figcaption", tag("b", name), words), drawing)


def _box(view: View) -> Html | None:
    """What was drawn together, beside what each class admits by itself."""
    whole = view.envelope.input_scope
    drawn = _drawn(view.measurements.cells, whole.joint_scale if whole.joint else None)
    scopes = whole.nuisance
    rows: list[list[Node]] = []
    for name in dict.fromkeys([*drawn, *scopes]):
        scope = scopes.get(name)
        ends: Node = group(mark("hollow"), "left at nominal")
        if name in drawn:
            low, high = drawn[name]
            ends = in_unit(f"{short(low)} to {short(high)}", scope.unit if scope else "1")
        alone = range_words(scope.admitted, scope.unit, scope.nominal) if scope else "not recorded"
        rows.append([name.replace("_", " "), ends, alone])
    return (
        table("The box", ["nuisance", "drawn together", "admitted by itself"], rows)
        if drawn
        else None
    )


def _drawn(cells: list[Cell], held: float | None) -> dict[str, tuple[float, float]]:
    """The box of that scale; the last one that was tried where none held."""
    found: dict[str, tuple[float, float]] = {}
    for cell in cells:
        if cell.suite != SUITE or "amounts" not in cell.condition:
            continue
        if held is not None and float(cell.condition.get("scale", 1)) != held:
            continue
        for key, low in cell.condition.items():
            name = key.removeprefix("low.")
            high = cell.condition.get(f"high.{name}")
            if (
                key.startswith("low.")
                and isinstance(low, int | float)
                and isinstance(high, int | float)
            ):
                found[name] = (float(low), float(high))
    return found
