"""The claims in full, by what they are about. What many share, such as fields, is said once."""

from collections.abc import Mapping, Sequence
from string import ascii_uppercase

from envelope.records import Claim, Measurement
from reports.evidence import evidence
from reports.html import Html, Node, group, joined, tag
from reports.parts import counted, details, outcome_phrase, section
from reports.view import View, claim_anchor, dotted, head_of
from reports.words import FAMILY_WORDS, count, mark, scalar, verdict_word, with_interval

SHOWN_SUITES = (
    "planning",
    "representation",
    "cost",
    "nuisance_shift",
    "worst_case",
    "voe",
    "horizon_drift",
    "exploitation",
)
"""Suites with a section that has their numbers."""
Sets = Mapping[tuple[str, ...], str]
"""A letter for each set of fields that some claim rests on."""


def claims(view: View) -> Html:
    """Every claim with its reason, criterion and evidence."""
    sets = _sets(view.envelope.claims)
    groups: dict[str, list[tuple[int, Claim]]] = {}
    for index, claim in enumerate(view.envelope.claims):
        groups.setdefault(head_of(claim), []).append((index, claim))
    body = [
        details(
            group(tag("code", name), " ", counted([claim for _, claim in members])),
            [_claim(index, claim, view, sets) for index, claim in members],
        )
        for name, members in groups.items()
    ]
    return section(
        "claims",
        view.number("claims"),
        "Claims in full",
        "Each sentence with the verdict in the record, the figures that decided, and the fields "
        "whose change ends it.",
        body or tag("p", "This record makes no claim.", class_="notice"),
        _field_sets(sets, view) if body else None,
        _other(view),
        claims=view.envelope.claims,
        said="Every sentence with its figures, evidence and the fields it rests on.",
    )


def _sets(claims: Sequence[Claim]) -> Sets:
    found = dict.fromkeys(tuple(claim.rests_on) for claim in claims)
    return {fields: _letter(place) for place, fields in enumerate(found)}


def _letter(place: int) -> str:
    first, last = divmod(place, len(ascii_uppercase))
    return (ascii_uppercase[first - 1] if first else "") + ascii_uppercase[last]


def _field_sets(sets: Sets, view: View) -> Html:
    items = [
        tag(
            "li",
            tag("b", letter),
            " ",
            joined([dotted(path) for path in fields]) if fields else "no field",
            id=f"fields-{letter}",
        )
        for fields, letter in sets.items()
    ]
    lead = "A change in one of the fields of a set ends every claim that rests on it."
    return group(
        tag("h3", "Sets of fields"),
        tag("p", lead, class_="small"),
        tag("ul", items, class_="field-sets"),
    )


def _claim(index: int, claim: Claim, view: View, sets: Sets) -> Html:
    letter = sets[tuple(claim.rests_on)]
    rests = tag("a", f"field set {letter}", href=f"#fields-{letter}")
    facts: list[Node] = [
        group("criterion ", tag("b", claim.criterion)),
        group("estimate ", tag("b", with_interval(claim.estimate, 3)), _behind(claim)),
        group("rests on ", rests),
        group("suites ", ", ".join(claim.suites) or "none"),
        group("evidence ", _evidence(claim, view)),
    ]
    family = f"{claim.family} {FAMILY_WORDS[claim.family]}".removeprefix("base ")
    return tag(
        "article",
        tag(
            "header",
            verdict_word(claim.verdict),
            tag("span", outcome_phrase(claim, view), class_="outcome"),
            tag("span", f"{claim.kind}, {family}", class_="kind"),
            tag("code", claim.id),
        ),
        tag("h3", claim.statement),
        tag("p", claim.reason),
        tag("p", joined(facts, " · "), class_="small"),
        id=claim_anchor(index),
        class_=f"claim {claim.verdict}",
    )


def _behind(claim: Claim) -> str:
    return f", n {scalar(claim.estimate.episodes)}" if claim.estimate else ""


def _evidence(claim: Claim, view: View) -> Node:
    """Links to the measurements that decided, by quantity; a condition names what tells apart."""
    if not claim.evidence:
        return tag("span", mark("hollow"), "not measured", class_="missing")
    found: dict[str, list[tuple[str, Measurement]]] = {}
    missing = []
    for item in claim.evidence:
        one = view.measurement(item)
        if one is None:
            missing.append(view.evidence_link(item))
        else:
            found.setdefault(f"{one.suite}/{one.quantity}", []).append((item, one))
    links = [group(dotted(name), " ", _links(members, view)) for name, members in found.items()]
    shown = joined([*links, *missing], "; ")
    if len(claim.evidence) <= 6:
        return shown
    return details(count(len(claim.evidence), "measurement"), tag("p", shown), on_paper=False)


def _links(members: Sequence[tuple[str, Measurement]], view: View) -> Html:
    keys = dict.fromkeys(key for _, one in members for key in one.condition)
    apart = [key for key in keys if len({one.condition.get(key) for _, one in members}) > 1]
    return joined(
        [
            tag(
                "a",
                ", ".join(scalar(one.condition[key]) for key in apart if key in one.condition)
                or "the figure",
                href=view.evidence_href(item),
            )
            for item, one in members
        ]
    )


def _other(view: View) -> Html | None:
    names = dict.fromkeys(m.suite for m in view.evidence if m.suite not in SHOWN_SUITES)
    if not names:
        return None
    return group(tag("h3", "Other evidence"), evidence(view, list(names)))
