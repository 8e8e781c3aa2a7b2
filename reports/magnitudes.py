"""Detection by magnitude: a curve per class, and every magnitude with its interval."""

from collections.abc import Sequence

from envelope.records import Envelope, Sensitivity
from reports.html import Html, Node, group, tag
from reports.parts import details
from reports.svg import Scale
from reports.view import View
from reports.words import SENSITIVITY_MARK, amount, interval, mark, number, scalar

KEYS = ("solid", "dashed", "dotted", "long", "fine")
"""Stroke of each monitor's line, in the order of the record."""
WIDTH, HEIGHT = 96.0, 40.0


def curve(name: str, record: Envelope) -> Html | None:
    """Detection of one class by magnitude, a line per monitor, on axes from 0 to 1."""
    shown = [
        sorted((s for s in m.sensitivity if s.violation == name), key=lambda s: s.magnitude)
        for m in record.monitors
    ]
    magnitudes = sorted({s.magnitude for one in shown for s in one})
    if len(magnitudes) < 2:
        return None
    x = Scale(0, len(magnitudes) - 1, 4.0, WIDTH - 4)
    y = Scale(0.0, 1.0, HEIGHT - 4, 4.0)
    at = {magnitude: x(place) for place, magnitude in enumerate(magnitudes)}
    level = y(record.criteria.detection_rate)
    lines = [
        tag(
            "polyline",
            points=" ".join(
                f"{at[s.magnitude]:.0f},{y(s.detection.value):.1f}" for s in one if s.detection
            ),
            class_=KEYS[place % len(KEYS)],
        )
        for place, one in enumerate(shown)
    ]
    words = "; ".join(
        f"{monitor.name} "
        + ", ".join(number(s.detection.value, 2) if s.detection else "–" for s in one)
        for monitor, one in zip(record.monitors, shown, strict=True)
    )
    listed = ", ".join(number(magnitude, 2).rstrip("0").rstrip(".") for magnitude in magnitudes)
    return tag(
        "svg",
        tag("line", x1=0, x2=WIDTH, y1=y(0.0), y2=y(0.0), class_="rule"),
        tag("line", x1=0, x2=WIDTH, y1=level, y2=level, class_="limit"),
        lines,
        class_="curve",
        viewBox=f"0 0 {WIDTH:.0f} {HEIGHT:.0f}",
        role="img",
        aria_label=f"Detection of {name} at {listed}: {words}",
    )


def sight_word(found: Sensitivity) -> str:
    """detected, blind or unknown."""
    return "unknown" if SENSITIVITY_MARK[found.outcome] == "unknown" else found.outcome


def every_magnitude(view: View) -> Html | None:
    """Each class at each magnitude that was shown, a column per monitor; closed at first."""
    record = view.envelope
    places: dict[tuple[str, float], dict[str, Sensitivity]] = {}
    for monitor in record.monitors:
        for one in monitor.sensitivity:
            places.setdefault((one.violation, one.magnitude), {})[monitor.name] = one
    if not places:
        return None
    names = [monitor.name for monitor in record.monitors]
    rows = [
        _row(place, found, names, record)
        for place, found in sorted(places.items(), key=lambda item: item[0])
    ]
    caption = "Every magnitude: detection, area under the curve, delay in env steps"
    inner = tag(
        "table",
        tag("caption", caption),
        tag(
            "thead",
            tag("tr", [tag("th", head, scope="col") for head in ("violation", "at", *names)]),
        ),
        tag("tbody", rows),
    )
    return details(
        f"Every magnitude that was shown: {len(places)}",
        tag("p", "A framed row is the magnitude that the claim is about.", class_="small"),
        tag(
            "div",
            inner,
            class_="table numbers wide",
            role="region",
            aria_label=caption,
            tabindex="0",
        ),
        on_paper=False,
    )


def _row(
    place: tuple[str, float],
    found: dict[str, Sensitivity],
    names: Sequence[str],
    record: Envelope,
) -> Html:
    violation, magnitude = place
    criterion = record.criteria.violations.get(violation)
    is_claim = criterion is not None and criterion.claim_at == magnitude
    unit = next(iter(found.values())).unit
    return tag(
        "tr",
        tag("th", violation.replace("_", " "), scope="row"),
        tag("td", amount(magnitude, unit)),
        [_cell(found.get(name)) for name in names],
        class_="claimed" if is_claim else None,
    )


def _cell(found: Sensitivity | None) -> Html:
    if found is None:
        return tag("td", mark("hollow"), "not measured")
    shape = SENSITIVITY_MARK[found.outcome]
    rate: Node = f"{sight_word(found)}, detection not measured"
    if found.detection is not None:
        ends = interval(found.detection, 2)
        rate = f"{sight_word(found)} {number(found.detection.value, 2)} {ends}"
    words = [f"AUROC {number(found.auroc.value, 2)}"] if found.auroc else ["AUROC not measured"]
    if found.delay_env_steps:
        words.append(f"delay {number(found.delay_env_steps.value, 1)}")
    if found.outcome == "crashed":
        words.append("crashed")
    if found.episodes_needed is not None:
        words.append(f"{scalar(found.episodes_needed)} episodes would settle it 4 times in 5")
    return tag(
        "td",
        group(tag("span", mark(shape), rate, class_=shape)),
        tag("span", ", ".join(words), class_="beside"),
    )
