"""Nuisances: one small multiple per class, with what each amount looks like under it."""

from collections.abc import Sequence

from envelope.records import Claim, Outcome, Picture
from reports.along import number_of
from reports.evidence import evidence
from reports.fields import closed_loop_words, range_words
from reports.frames import still
from reports.html import Html, Node, group, tag
from reports.joint import CLAIM, is_joint
from reports.nuisance_chart import Case, drawing
from reports.parts import not_measured, outcome_phrase, outcome_words, section
from reports.strengths import strengths
from reports.view import View
from reports.words import amount, short, verdict_word

SUITE = "nuisance_shift"
_GRAVEST: tuple[Outcome, ...] = (
    "fails_silently",
    "fails_alarm_unknown",
    "fails_loudly",
    "not_met",
    "blind",
    "crashed",
    "not_measured",
    "inconclusive",
    "detected",
    "met",
    "robust",
)
"""In which order outcomes are told."""


def nuisances(view: View) -> Html:
    """The section on what a nuisance does to planning and to the alarm."""
    names = _classes(view)
    claims = [claim for claim in view.claims_under("nuisance") if claim.id != CLAIM]
    cards = [_card(name, place, view) for place, name in enumerate(names, start=1)]
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
        said=_said(claims, view),
    )


def _said(claims: Sequence[Claim], view: View) -> str:
    """Which classes leave planning alone, and how the others fail."""
    told: dict[str, list[str]] = {}
    for claim in sorted(claims, key=lambda claim: _GRAVEST.index(claim.outcome)):
        name = claim.id.removeprefix("nuisance.")
        told.setdefault(outcome_words(claim, view), []).append(name)
    parts = [f"{words}: {', '.join(names)}" for words, names in told.items()]
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


def _case(name: str, view: View) -> Case:
    scope = view.envelope.input_scope.nuisance.get(name)
    rows = [m for m in view.of_suite(SUITE) if m.condition.get("nuisance") == name]
    first = rows[0].condition if rows else {}
    claims = view.claims_under(f"nuisance.{name}")
    return Case(
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


def _card(name: str, place: int, view: View) -> Html:
    case = _case(name, view)
    verdict = None
    if case.claim:
        verdict = tag(
            "p",
            verdict_word(case.claim.verdict),
            tag("span", outcome_phrase(case.claim, view), class_="outcome"),
            tag("a", "the claim", href=view.claim_href(case.claim.id), class_="small"),
            class_="claim-line",
        )
    return tag(
        "article",
        tag("h3", name.replace("_", " ")),
        verdict,
        tag("p", _range_sentence(case), class_="range-words"),
        tag("p", case.claim.reason, class_="small reason") if case.claim else None,
        drawing(case, place, view) if case.all else not_measured("this class in any form."),
        _letters(case),
        strengths(case.scope) if case.scope else None,
        _pictures(name, view),
        class_="multiple",
    )


def _letters(case: Case) -> Html | None:
    names = [f"{letter} {name.replace('_', ' ')}" for name, letter in case.letters().items()]
    return tag("p", f"Lines: {', '.join(names)}.", class_="small") if names else None


def _range_sentence(case: Case) -> Node:
    if case.scope is None:
        return "No range of this class is recorded: only its nominal value is inside."
    admitted = range_words(case.scope.admitted, case.unit, case.nominal)
    return group("Admitted: ", tag("b", admitted), f"; {closed_loop_words(case.scope)}.")


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
