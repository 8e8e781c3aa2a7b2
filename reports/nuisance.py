"""Nuisances: one small multiple per class, with what each amount looks like under it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from envelope.records import Claim, Estimate, Measurement, NuisanceScope, Picture, Scalar
from reports.drift import along, number_of
from reports.evidence import evidence
from reports.fields import closed_loop_words, range_words
from reports.frames import still
from reports.html import Html, Node, group, tag
from reports.joint import CLAIM, is_joint
from reports.parts import not_measured, outcome_phrase, section
from reports.strengths import strengths
from reports.svg import Label, Panel, chart, domain_of, rounded
from reports.view import View
from reports.words import OUTCOME_WORDS, amount, short, unit_word, verdict_word

SUITE = "nuisance_shift"
SHAPES = {"current": "disc", "goal": "square", "both": "diamond"}
RATE_HEIGHT, ALARM_HEIGHT, MOVE_HEIGHT, GAP = 124.0, 62.0, 78.0, 42.0


def nuisances(view: View) -> Html:
    """The section on what a nuisance does to planning and to the alarm."""
    names = _classes(view)
    claims = [claim for claim in view.claims_under("nuisance") if claim.id != CLAIM]
    cards = [_card(name, view) for name in names]
    body = (
        group(
            _legend(),
            tag("div", cards, class_="multiples"),
            evidence(view, [SUITE], lambda m: not is_joint(m)),
        )
        if names
        else not_measured("planning and alarms under nuisances.")
    )
    return section(
        "nuisance",
        view.number("nuisance"),
        "Nuisances",
        "How much of a change that should not matter can the planner take, and does the monitor "
        "notice when it is too much? A failure without an alarm is silent.",
        body,
        claims=claims,
        said=_said(claims),
    )


def _said(claims: Sequence[Claim]) -> str:
    """Which classes leave planning alone, and how the others fail."""
    told: dict[str, list[str]] = {}
    for claim in claims:
        name = claim.id.removeprefix("nuisance.")
        told.setdefault(OUTCOME_WORDS[claim.outcome], []).append(name)
    parts = [f"{words} {', '.join(names)}" for words, names in told.items()]
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." if text else "No claim."


def _classes(view: View) -> list[str]:
    record = view.envelope
    names = [
        str(m.condition["nuisance"]) for m in view.of_suite(SUITE) if "nuisance" in m.condition
    ]
    return list(dict.fromkeys([*record.criteria.nuisances, *record.input_scope.nuisance, *names]))


def _legend() -> Html:
    def key(class_: str, words: str) -> Html:
        return tag("li", tag("i", class_=f"key {class_}"), words)

    return tag(
        "ul",
        key("admitted", "admitted range"),
        key("unmeasured", "not measured in closed loop"),
        tag("li", tag("b", "●"), " nuisance on the current frame"),
        tag("li", tag("b", "■"), " on the goal frame"),
        tag("li", tag("b", "◆"), " on both"),
        class_="legend",
    )


@dataclass(frozen=True, slots=True)
class _Case:
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
        return [*self.success, *self.loop_alarms, *self.alarms, *self.shifts]

    def domain(self) -> tuple[float, float]:
        """Amounts shown, from the lowest to the highest, nominal among them."""
        values = [number_of(m.condition.get("amount")) for m in self.all]
        known = [value for value in values if value is not None] + [self.nominal]
        if self.scope:
            known += [self.scope.measured.low, self.scope.measured.high]
        low, high = min(known), max(known)
        room = (high - low) * 0.04 or 1.0
        return (low - room if low < self.nominal else low, high + room)


def _case(name: str, view: View) -> _Case:
    scope = view.envelope.input_scope.nuisance.get(name)
    rows = [m for m in view.of_suite(SUITE) if m.condition.get("nuisance") == name]
    first = rows[0].condition if rows else {}
    claims = view.claims_under(f"nuisance.{name}")
    return _Case(
        name=name,
        unit=scope.unit if scope else str(first.get("unit", "1")),
        nominal=scope.nominal if scope else number_of(first.get("nominal")) or 0.0,
        scope=scope,
        claim=claims[0] if claims else None,
        success=[m for m in rows if m.quantity == "success"],
        loop_alarms=[m for m in rows if m.quantity == "closed_loop_alarm_rate"],
        alarms=[m for m in rows if m.quantity == "alarm_rate"],
        shifts=[m for m in rows if m.quantity == "displacement"],
    )


def _card(name: str, view: View) -> Html:
    case = _case(name, view)
    verdict = None
    if case.claim:
        verdict = tag(
            "p",
            verdict_word(case.claim.verdict),
            tag("span", outcome_phrase(case.claim), class_="outcome"),
            tag("a", "the claim", href=view.claim_href(case.claim.id), class_="small"),
            class_="claim-line",
        )
    return tag(
        "article",
        tag("h3", name.replace("_", " ")),
        verdict,
        tag("p", _range_sentence(case), class_="range-words"),
        tag("p", case.claim.reason, class_="small reason") if case.claim else None,
        _drawing(case, view) if case.all else not_measured("this class in any form."),
        strengths(case.scope) if case.scope else None,
        _pictures(name, view),
        class_="multiple",
    )


def _range_sentence(case: _Case) -> Node:
    if case.scope is None:
        return "No range of this class is recorded: only its nominal value is inside."
    admitted = range_words(case.scope.admitted, case.unit, case.nominal)
    return group("Admitted: ", tag("b", admitted), f"; {closed_loop_words(case.scope)}.")


def _drawing(case: _Case, view: View) -> Html:
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
    slug = "nuisance-" + str(_classes(view).index(case.name) + 1)
    xs = {number_of(m.condition.get("amount")) for m in case.all}
    feet = sorted({case.nominal, *(value for value in xs if value is not None)})
    unit = unit_word(case.unit)
    name = f"amount, {unit} (nominal {short(case.nominal)})" if unit else "amount"
    return chart(
        slug,
        f"{case.name}: success, alarms and latent displacement by amount",
        _spoken(case),
        move_top + MOVE_HEIGHT + 42,
        _success_panel(case, success, view),
        alarms,
        _move_panel(case, move),
        move.foot(feet, name),
    )


def _spoken(case: _Case) -> str:
    points = along(case.success, "amount")
    said = "; ".join(f"{amount(x, case.unit)}: success {rounded(e.value)}" for x, e in points)
    return f"{case.name}. {said or 'Success was not measured in closed loop'}."


def _success_panel(case: _Case, panel: Panel, view: View) -> Html:
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


def _scope_spans(case: _Case, panel: Panel) -> Html:
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


def _alarm_panel(case: _Case, monitor: str, panel: Panel, view: View) -> Html:
    def of(rows: Sequence[Measurement]) -> list[Measurement]:
        return [m for m in rows if str(m.condition.get("monitor", "monitor")) == monitor]

    wanted = view.envelope.criteria.detection_rate
    labels = [Label(panel.y(wanted), f"stated rate {short(wanted)}", "limit-word")]
    return group(
        panel.grid(f"alarms of {monitor} (line: recorded, points: closed loop)", 2),
        panel.level(wanted, "limit"),
        panel.upright(case.nominal, "nominal"),
        _open_lines(of(case.alarms), panel, labels),
        _series(of(case.loop_alarms), panel, case, start=None),
        panel.margin(labels),
    )


def _move_panel(case: _Case, panel: Panel) -> Html:
    labels = [Label(panel.y(1.0), "one block", "one")]
    return group(
        panel.grid("latent displacement, in lawful action blocks", 2),
        panel.level(1.0, "one-line"),
        panel.upright(case.nominal, "nominal"),
        _open_lines(case.shifts, panel, labels),
        panel.margin(labels),
    )


Group = tuple[tuple[str, Scalar], ...]


def _grouped(rows: Sequence[Measurement], *keys: str) -> dict[Group, list[Measurement]]:
    found: dict[Group, list[Measurement]] = {}
    for row in rows:
        key = tuple((k, row.condition[k]) for k in keys if k in row.condition)
        found.setdefault(key, []).append(row)
    return found


def _open_lines(rows: Sequence[Measurement], panel: Panel, labels: list[Label]) -> Html:
    """Lines over the amount; their names are added to the labels where they would be ambiguous."""
    lines: list[Node] = []
    groups = {
        key: points
        for key, members in _grouped(rows, "direction", "monitor").items()
        if (points := along(members, "amount"))
    }
    several = _overlapping(list(groups.values()))
    for points in groups.values():
        lines.append(panel.band(points, "area") if not several else None)
        lines.append(panel.line([(x, e.value) for x, e in points], "series thin"))
        lines.append(panel.specks(points))
    if several:
        worst = max(groups.items(), key=lambda item: item[1][-1][1].value)
        direction = dict(worst[0]).get("direction", "")
        words = str(direction).replace("_", " ")[:12]
        labels.append(Label(panel.y(worst[1][-1][1].value), words, "worst"))
    return group(lines)


def _overlapping(lines: Sequence[Sequence[tuple[float, Estimate]]]) -> bool:
    spans = sorted((points[0][0], points[-1][0]) for points in lines)
    return any(a[1] > b[0] + 1e-9 for a, b in pairwise(spans))


def _series(rows: Sequence[Measurement], panel: Panel, case: _Case, start: Estimate | None) -> Html:
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


def _pictures(name: str, view: View) -> Html | None:
    shown = [p for p in view.shown(SUITE) if p.condition.get("nuisance") == name]
    if not shown:
        return None
    rows: dict[str, list[Picture]] = {}
    for picture in shown:
        rows.setdefault(str(picture.condition.get("direction", "")), []).append(picture)
    strips = [
        tag(
            "div",
            tag("h4", direction.replace("_", " ")) if direction else None,
            tag("div", [_still(p) for p in sorted(members, key=_strength)], class_="stills"),
        )
        for direction, members in rows.items()
    ]
    return tag("div", strips, class_="looks")


def _strength(picture: Picture) -> float:
    return number_of(picture.condition.get("strength")) or 0.0


def _still(picture: Picture) -> Html:
    strength = number_of(picture.condition.get("strength"))
    value = number_of(picture.condition.get("amount"))
    words = [] if strength is None else [f"strength {short(strength)}"]
    if value is not None:
        words.append(amount(value, str(picture.condition.get("unit", "1"))))
    return still(picture, " · ".join(words) or picture.caption)
