"""Blind spots: violation by magnitude, at the stated false-alarm rate."""

from collections.abc import Sequence

from envelope.records import Monitor, Picture, Sensitivity
from reports.drift import number_of
from reports.frames import still
from reports.html import Html, Node, group, tag
from reports.parts import evidence, not_measured, section, table, verdict_lines
from reports.svg import gauge
from reports.view import View
from reports.words import (
    SENSITIVITY_MARK,
    amount,
    interval,
    mark,
    measured_words,
    number,
    scalar,
    short,
    with_interval,
)

SUITE = "voe"
_FLOOR = "floor_detection"
Key = tuple[str, float]


def blind_spots(view: View) -> Html:
    """The section on what each monitor sees and does not see."""
    monitors = view.envelope.monitors
    body: list[Node] = [_overview(view)] if len(monitors) > 1 else []
    body += [_matrix(monitor, view) for monitor in monitors]
    if not monitors:
        body.append(not_measured("any monitor. Nothing in this record would raise an alarm."))
    return section(
        "blind-spots",
        "5",
        "Blind spots",
        "Which impossible events does each monitor see, from which magnitude, how late; and which "
        "does it not see? Blind needs an upper bound below the stated rate; not significant is "
        "unknown.",
        verdict_lines(
            [c for c in view.envelope.claims if c.family == "F5" and c.kind == "requirement"], view
        ),
        body,
        _strips(view),
        evidence(view, [SUITE]),
    )


def _overview(view: View) -> Html:
    record = view.envelope
    with_floor = any(one.quantity == _FLOOR for one in view.measurements.summaries)
    rows: list[list[Node]] = []
    for name, criterion in record.criteria.violations.items():
        row: list[Node] = [group(_spoken(name), ", ", amount(criterion.claim_at, criterion.unit))]
        for monitor in record.monitors:
            found = _index(monitor).get((name, criterion.claim_at))
            row.append(_word(found))
        row += [_floor(view, name, criterion.claim_at)] if with_floor else []
        rows.append(row)
    heads = ["violation", *(monitor.name for monitor in record.monitors)]
    heads += ["pixel floor"] if with_floor else []
    return table("Monitors side by side, at the magnitude each claim is about", heads, rows)


def _floor(view: View, violation: str, magnitude: float) -> str:
    """What a threshold on the mere change of pixels detects; nobody relies on it."""
    at = {"violation": violation, "magnitude": magnitude}
    for one in view.measurements.summaries:
        if one.quantity == _FLOOR and at.items() <= one.condition.items():
            return with_interval(one.estimate)
    return "not measured"


def _word(found: Sensitivity | None) -> Html:
    if found is None:
        return group(mark("hollow"), "not measured")
    shape = SENSITIVITY_MARK[found.outcome]
    rate = f" {number(found.detection.value, 2)}" if found.detection else ""
    return tag("span", mark(shape), sight_word(found), rate, class_=f"verdict {shape}")


def sight_word(found: Sensitivity) -> str:
    """detected, blind or unknown."""
    return "unknown" if SENSITIVITY_MARK[found.outcome] == "unknown" else found.outcome


def _index(monitor: Monitor) -> dict[Key, Sensitivity]:
    return {(s.violation, s.magnitude): s for s in monitor.sensitivity}


def _matrix(monitor: Monitor, view: View) -> Html:
    criteria = view.envelope.criteria
    index = _index(monitor)
    names = list(dict.fromkeys([*criteria.violations, *(s.violation for s in monitor.sensitivity)]))
    rows: list[Html] = []
    for name in names:
        criterion = criteria.violations.get(name)
        wanted = set(criterion.magnitudes) if criterion else set()
        magnitudes = sorted(wanted | {m for v, m in index if v == name})
        claim_at = criterion.claim_at if criterion else None
        cells = [
            _cell(
                index.get((name, m)),
                m,
                claim_at == m,
                monitor,
                view,
                criterion.unit if criterion else "1",
            )
            for m in magnitudes
        ]
        kind = next((s.kind for s in monitor.sensitivity if s.violation == name), None)
        rows.append(
            tag(
                "div",
                tag(
                    "h4",
                    _spoken(name),
                    tag("span", kind or "not measured"),
                    _seen_from(monitor, name),
                ),
                tag("div", cells, class_="cells"),
                class_="sight",
            )
        )
    rate = short(criteria.detection_rate)
    facts = group(
        "Alarm when ",
        monitor.statistic,
        " exceeds ",
        tag("b", number(monitor.threshold, 4)),
        f", set for {short(monitor.false_alarms_per_episode)} false alarms per lawful episode; "
        f"{measured_words(monitor.measured_false_alarms)}. Positive control: ",
        tag("b", "caught" if monitor.positive_control else "missing"),
        f". The stroke on each bar is the stated detection rate {rate}; a thick frame marks the "
        "magnitude that the claim is about.",
    )
    return tag(
        "div",
        tag("h3", "Monitor ", tag("code", monitor.name)),
        tag("p", facts),
        rows,
        class_="matrix",
    )


def _seen_from(monitor: Monitor, violation: str) -> Html | None:
    """The smallest magnitude that is detected along with all larger ones."""
    for one in monitor.detected_from:
        if one.violation == violation:
            if one.magnitude is None:
                return tag("span", "detected at none of these")
            weaker = f", not {amount(one.more_than, one.unit)}" if one.more_than else ""
            return tag("span", f"detected from {amount(one.magnitude, one.unit)}{weaker}")
    return None


def _cell(
    found: Sensitivity | None,
    magnitude: float,
    is_claim: bool,
    monitor: Monitor,
    view: View,
    unit: str,
) -> Html:
    head = tag("span", amount(magnitude, found.unit if found else unit), class_="magnitude")
    claim = " claimed" if is_claim else ""
    if found is None:
        return tag(
            "div", head, tag("b", mark("hollow"), "not measured"), class_=f"cell hollow{claim}"
        )
    shape = SENSITIVITY_MARK[found.outcome]
    lines: list[Node] = [head, tag("b", mark(shape), sight_word(found), class_="word")]
    title = f"{monitor.name}, {found.violation} {amount(magnitude, found.unit)}: {found.outcome}"
    if found.detection is None:
        lines.append(tag("span", "detection not measured"))
    else:
        rate = f"{number(found.detection.value, 2)} {interval(found.detection, 2)}"
        lines.append(tag("span", rate, class_="rate"))
        lines.append(gauge(found.detection, view.envelope.criteria.detection_rate, shape))
        title += f", detection {rate}, n = {found.detection.episodes}"
    lines.append(tag("span", _beside(found), class_="beside"))
    return tag("div", lines, class_=f"cell {shape}{claim}", title=title)


def _beside(found: Sensitivity) -> str:
    words = [f"AUROC {number(found.auroc.value, 2)}"] if found.auroc else ["AUROC not measured"]
    if found.delay_env_steps:
        words.append(f"delay {number(found.delay_env_steps.value, 1)} env steps")
    if found.outcome == "crashed":
        words.append("crashed")
    if found.episodes_needed is not None:
        words.append(f"{scalar(found.episodes_needed)} episodes would settle it")
    return ", ".join(words)


def _strips(view: View) -> Html | None:
    clips: dict[tuple[str, float], list[Picture]] = {}
    for picture in view.shown(SUITE):
        violation = str(picture.condition.get("violation", ""))
        magnitude = number_of(picture.condition.get("magnitude")) or 0.0
        clips.setdefault((violation, magnitude), []).append(picture)
    if not clips:
        return None
    shown = [_clip(name, magnitude, pictures) for (name, magnitude), pictures in clips.items()]
    return group(
        tag("h3", "What the events look like"),
        tag(
            "p",
            "Lawful above, unlawful below, the same start and actions. The framed frame is the "
            "first that cannot happen.",
        ),
        tag("div", shown, class_="strips"),
    )


def _clip(name: str, magnitude: float, pictures: Sequence[Picture]) -> Html:
    unit = next((str(p.condition["unit"]) for p in pictures if "unit" in p.condition), "1")
    rows = [
        tag("div", tag("h5", word), tag("div", [_frame(p) for p in members], class_="stills"))
        for word, members in _by_lawfulness(pictures)
        if members
    ]
    title = f"{_spoken(name)}, {amount(magnitude, unit)}" if magnitude else _spoken(name)
    return tag("div", tag("h4", title), rows, class_="strip")


def _by_lawfulness(pictures: Sequence[Picture]) -> list[tuple[str, list[Picture]]]:
    ordered = sorted(pictures, key=lambda p: number_of(p.condition.get("frame")) or 0.0)
    return [
        (word, [p for p in ordered if p.condition.get("clip", "unlawful") == word])
        for word in ("lawful", "unlawful")
    ]


def _frame(picture: Picture) -> Html:
    frame = number_of(picture.condition.get("frame"))
    words = picture.caption if frame is None else f"frame {short(frame)}"
    critical = picture.condition.get("critical") is True
    return still(picture, words, critical=critical)


def _spoken(name: str) -> str:
    return name.replace("_", " ")
