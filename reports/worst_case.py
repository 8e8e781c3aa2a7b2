"""Worst case: the smallest admitted change that a search found to break a plan."""

from envelope.records import Cell, Measurement
from envelope.records.units import in_unit
from reports.evidence import evidence
from reports.html import Html, Node, group, tag
from reports.parts import not_measured, section, table
from reports.svg import gauge, rounded
from reports.view import View
from reports.words import (
    amount,
    count,
    mark,
    scalar,
    short,
    verdict_word,
    with_interval,
)

SUITE = "worst_case"
JOINT = "joint"


def worst_case(view: View) -> Html:
    """The section on what a search inside the admitted ranges finds (F2)."""
    claims = view.claims_under(SUITE)
    found = sorted(
        view.find(SUITE, "broken_share"),
        key=lambda m: (-(m.estimate.value if m.estimate else -1.0), _name(m)),
    )
    body: Node = not_measured("the worst case inside the admitted ranges.")
    if found:
        body = group(
            _table(found, view),
            evidence(view, [SUITE]),
        )
    return section(
        "worst-case",
        view.number("worst-case"),
        "Worst case",
        "What is the smallest admitted nuisance that makes a solved case fail? A search finds a "
        "lower end of that share: what a longer one would find is not known.",
        body,
        claims=claims,
        said=_said(found, view),
    )


def _name(m: Measurement) -> str:
    return str(m.condition.get("nuisance", "a nuisance"))


def _spoken(name: str) -> str:
    return "all together" if name == JOINT else name.replace("_", " ")


def _said(found: list[Measurement], view: View) -> str:
    known = [m for m in found if m.estimate is not None]
    if not known:
        return "Not measured."
    most = known[0]
    assert most.estimate is not None
    words = (
        f"A search of {_budget(most)} per case broke most under {_spoken(_name(most))}: "
        f"{rounded(most.estimate.value)} of {most.estimate.episodes} solved cases"
        f"{_half(most, view)}"
    )
    none = [_spoken(_name(m)) for m in known if m.estimate and m.estimate.value == 0]
    return words + (f"; it found none that breaks under {', '.join(none)}." if none else ".")


def _budget(m: Measurement) -> str:
    tries, halvings = m.condition.get("num_tries", 0), m.condition.get("num_bisections", 0)
    return f"{scalar(tries)} tries and {scalar(halvings)} halvings"


def _smallest(m: Measurement, view: View) -> Measurement | None:
    quantity = "smallest_share" if _name(m) == JOINT else "smallest_amount"
    return next(iter(view.find(SUITE, quantity, nuisance=_name(m))), None)


def _half(m: Measurement, view: View) -> str:
    smallest = _smallest(m, view)
    if smallest is None or smallest.estimate is None:
        return ""
    if _name(m) == JOINT:
        return f", half of those within {short(smallest.estimate.value)} of the way to the ends"
    return f", half of those within {amount(smallest.estimate.value, smallest.unit)} of nominal"


def _table(found: list[Measurement], view: View) -> Html:
    cells = {
        str(cell.condition.get("nuisance")): cell
        for cell in view.measurements.cells
        if cell.suite == SUITE
    }
    rows: list[list[Node]] = [
        [
            _spoken(_name(m)),
            _verdict(m, view),
            _searched(m, cells.get(_name(m))),
            _broke(m, view),
            _found(m, view),
        ]
        for m in found
    ]
    rows += [
        ["another planner stream alone", "–", "the clean world", _broke(m, view), "–"]
        for m in view.find(SUITE, "lost_by_chance")
    ]
    limit = short(view.envelope.criteria.max_broken_share)
    per_case = _budget(found[0])
    return table(
        f"What was searched, with {per_case} per case, and the smallest change found",
        ["nuisance", "claim", "searched", f"broke, allowed {limit}", "smallest change that breaks"],
        rows,
        stacked=True,
    )


def _broke(m: Measurement, view: View) -> Node:
    """Share of solved cases that the search turned into failures."""
    if m.estimate is None:
        return "not measured"
    limit = view.envelope.criteria.max_broken_share
    claims = view.claims_under(f"{SUITE}.{_name(m)}")
    bar = gauge(m.estimate, limit, claims[0].verdict if claims else "hollow")
    return group(bar, with_interval(m.estimate))


def _verdict(m: Measurement, view: View) -> Node:
    for claim in view.claims_under(f"{SUITE}.{_name(m)}"):
        return tag("a", verdict_word(claim.verdict), href=view.claim_href(claim.id))
    return "no claim"


def _searched(m: Measurement, cell: Cell | None) -> Node:
    condition = cell.condition if cell else {}
    name, unit = _name(m), str(m.condition.get("unit", "1"))
    words: list[Node] = []
    if name == JOINT:
        num = m.condition.get("num_classes", 0)
        words.append(f"the box of {count(int(num), 'class', 'classes')}")
    elif f"low.{name}" in condition and f"high.{name}" in condition:
        low, high = condition[f"low.{name}"], condition[f"high.{name}"]
        words.append(in_unit(f"{scalar(low)} to {scalar(high)}", unit))
    if not m.condition.get("is_admitted"):
        words.append(tag("span", "nothing is admitted: up to the least that ran", class_="beside"))
    return words or "not said"


def _found(m: Measurement, view: View) -> Node:
    smallest = _smallest(m, view)
    if m.estimate is not None and m.estimate.value == 0:
        return group(mark("holds"), "none found")
    if smallest is None:
        return "not measured"
    if smallest.estimate is None:
        return smallest.note or "not measured"
    found = with_interval(smallest.estimate)
    size = f"{found} of the way to the ends" if _name(m) == JOINT else in_unit(found, smallest.unit)
    return f"{size}, median over broken cases"
