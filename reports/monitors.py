"""Monitors side by side: what each sees of every violation, from which magnitude, how late."""

from collections.abc import Iterable, Sequence

from envelope.records import Monitor, Sensitivity
from reports.clips import strips
from reports.evidence import evidence
from reports.html import Html, Node, group, tag
from reports.magnitudes import KEYS, curve, every_magnitude, sight_word
from reports.parts import not_measured, section
from reports.view import View
from reports.words import (
    SENSITIVITY_MARK,
    amount,
    count,
    interval,
    mark,
    number,
    short,
    with_interval,
)

SUITE = "voe"
QUIET = "quiet_under_nuisance"
_FLOOR = "floor_detection"
_KINDS = ("physical", "visual", "sensor")


def monitors(view: View) -> Html:
    """The section on what each monitor sees and does not see."""
    record = view.envelope
    about = [claim for claim in record.claims if claim.family == "F5"]
    body: list[Node] = [not_measured("any monitor. Nothing in this record would raise an alarm.")]
    if record.monitors:
        body = [
            _side_by_side(view),
            every_magnitude(view),
            strips(view, SUITE),
            evidence(view, [SUITE]),
        ]
    return section(
        "blind-spots",
        view.number("blind-spots"),
        "Monitors",
        "Which impossible events does each monitor see, from which magnitude, how late; and which "
        "does it not see? Blind needs an upper bound below the stated rate; not significant is "
        "unknown.",
        body,
        claims=about,
        said=_said(record.monitors, view),
        is_open=True,
    )


def _said(found: Sequence[Monitor], view: View) -> str:
    if not found:
        return "No monitor was calibrated."
    classes = view.envelope.criteria.violations
    parts = []
    for monitor in found:
        at_claim = [
            s.outcome
            for s in monitor.sensitivity
            if s.violation in classes and s.magnitude == classes[s.violation].claim_at
        ]
        parts.append(
            f"{monitor.name} detects {at_claim.count('detected')} of "
            f"{count(len(classes), 'class', 'classes')}, is blind to {at_claim.count('blind')}"
        )
    return "; ".join(parts) + "."


def _side_by_side(view: View) -> Html:
    record = view.envelope
    with_floor = any(one.quantity == _FLOOR for one in view.evidence)
    width = len(record.monitors) + 2 + with_floor
    rows: list[Html] = []
    for kind, names in _by_kind(record.monitors, record.criteria.violations).items():
        rows.append(tag("tr", tag("th", kind, colspan=width, scope="colgroup"), class_="kind-row"))
        rows += [_row(name, view, with_floor) for name in names]
    caption = "Monitors side by side, at the magnitude that each claim is about"
    inner = tag(
        "table",
        tag("caption", caption),
        tag("thead", _heads(view, with_floor)),
        tag("tbody", _false_alarms(view, with_floor)),
        tag("tbody", rows),
    )
    words = (
        "In each cell the share of clips that raise an alarm after the event, at "
        f"{short(record.criteria.false_alarms_per_episode)} stated false alarms per episode; under "
        "it the smallest magnitude detected along with all larger ones, and the median delay. "
        f"Detected and blind are told by the interval from the stated rate "
        f"{short(record.criteria.detection_rate)}; the curves show detection by magnitude."
    )
    together = next(iter(view.find(SUITE, "any_false_alarms")), None)
    if together is not None:
        words += f" Any of them alarms falsely in {with_interval(together.estimate)} of episodes."
    return group(
        tag("p", words, class_="small"),
        tag("div", inner, class_="table matrix", role="region", aria_label=caption, tabindex="0"),
    )


def _heads(view: View, with_floor: bool) -> Html:
    heads = [
        tag(
            "th",
            tag("code", monitor.name),
            tag("i", class_=f"key line {KEYS[place % len(KEYS)]}", aria_hidden="true"),
            scope="col",
        )
        for place, monitor in enumerate(view.envelope.monitors)
    ]
    floor = tag("th", "pixel floor", scope="col") if with_floor else None
    return tag(
        "tr", tag("th", "violation", scope="col"), heads, floor, tag("th", "curves", scope="col")
    )


def _false_alarms(view: View, with_floor: bool) -> list[Html]:
    """What each monitor costs when nothing is wrong, above what it sees."""
    record = view.envelope

    def late(monitor: Monitor) -> Node:
        found = view.estimate(SUITE, "time_to_false_alarm", monitor=monitor.name)
        if found is None:
            return "not measured"
        ends = f"[{number(found.low, 0)}, {number(found.high, 0)}]"
        return f"{number(found.value, 0)} {ends} env steps"

    def control(monitor: Monitor) -> Node:
        if monitor.positive_control:
            return group(mark("holds"), "caught")
        return tag("b", mark("unknown"), "missing: its silence means nothing")

    def judged(monitor: Monitor, name: str, found: Node) -> Node:
        """What is found, with the verdict of the claim about it."""
        for claim in view.claims_under(f"monitor.{monitor.name}.{name}"):
            word = tag("a", tag("b", claim.verdict), href=view.claim_href(claim.id))
            about = tag("span", found, class_="beside") if found else None
            return tag("span", mark(claim.verdict), word, about, class_=claim.verdict)
        return found or "not measured"

    def false(monitor: Monitor) -> Node:
        return judged(monitor, "false_alarms", with_interval(monitor.measured_false_alarms))

    def quiet(monitor: Monitor) -> Node:
        most = [c.estimate for c in view.claims_under(f"monitor.{monitor.name}.{QUIET}")]
        known = [f"{with_interval(found)} at worst" for found in most if found]
        return judged(monitor, QUIET, "".join(known))

    lines = (
        ("alarm above", lambda m: tag("b", number(m.threshold, 4), title=m.statistic)),
        ("what is compared", lambda m: m.statistic),
        ("false alarms per episode", false),
        ("time to a false alarm", late),
        ("quiet under a harmless nuisance", quiet),
        ("positive control", control),
    )
    return [
        tag(
            "tr",
            tag("th", words, scope="row"),
            [tag("td", told(monitor)) for monitor in record.monitors],
            tag("td") if with_floor else None,
            tag("td"),
        )
        for words, told in lines
    ]


def _by_kind(found: Sequence[Monitor], classes: Iterable[str]) -> dict[str, list[str]]:
    kinds = {s.violation: s.kind for monitor in found for s in monitor.sensitivity}
    names = list(dict.fromkeys([*classes, *kinds]))
    grouped: dict[str, list[str]] = {
        kind: [name for name in names if kinds.get(name) == kind] for kind in _KINDS
    }
    grouped["not measured"] = [name for name in names if name not in kinds]
    return {kind: members for kind, members in grouped.items() if members}


def _row(name: str, view: View, with_floor: bool) -> Html:
    record = view.envelope
    criterion = record.criteria.violations.get(name)
    at = None if criterion is None else criterion.claim_at
    head: list[Node] = [name.replace("_", " ")]
    if criterion is not None:
        words = amount(criterion.claim_at, criterion.unit)
        head.append(tag("span", words, class_="beside"))
    return tag(
        "tr",
        tag("th", head, scope="row"),
        [_sight(monitor, name, at, view) for monitor in record.monitors],
        tag("td", _floor(view, name, at), class_="floor") if with_floor else None,
        tag("td", curve(name, record)),
    )


def _sight(monitor: Monitor, name: str, at: float | None, view: View) -> Html:
    found = next(
        (s for s in monitor.sensitivity if s.violation == name and s.magnitude == at), None
    )
    if found is None:
        words = group(mark("hollow"), "not measured")
        return tag("td", words, _seen_from(monitor, name), class_="sight hollow")
    shape = SENSITIVITY_MARK[found.outcome]
    rate = None
    if found.detection is not None:
        ends = interval(found.detection, 2)
        rate = group(" ", number(found.detection.value, 2), tag("small", " ", ends))
    link = next((c for c in view.envelope.claims if c.id == f"monitor.{monitor.name}.{name}"), None)
    word: Node = tag("b", sight_word(found))
    if link is not None:
        word = tag("a", word, href=view.claim_href(link.id))
    return tag(
        "td",
        mark(shape),
        word,
        rate,
        _seen_from(monitor, name),
        _late(found),
        class_=f"sight {shape}",
    )


def _seen_from(monitor: Monitor, violation: str) -> Html | None:
    """The smallest magnitude that is detected along with all larger ones."""
    for one in monitor.detected_from:
        if one.violation != violation:
            continue
        if one.magnitude is None:
            return tag("span", "at no magnitude", class_="beside")
        weaker = f", not at {short(one.more_than)}" if one.more_than else ""
        return tag("span", f"from {amount(one.magnitude, one.unit)}{weaker}", class_="beside")
    return None


def _late(found: Sensitivity) -> Html | None:
    if found.outcome != "detected" or found.delay_env_steps is None:
        return None
    return tag("span", f"after {amount(found.delay_env_steps.value, 'env_steps')}", class_="beside")


def _floor(view: View, violation: str, magnitude: float | None) -> str:
    """What a threshold on the mere change of pixels detects; nobody relies on it."""
    for one in view.find(SUITE, _FLOOR, violation=violation):
        if one.condition.get("magnitude") == magnitude:
            return with_interval(one.estimate)
    return "not measured"
