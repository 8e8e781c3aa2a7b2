"""Parts that several sections use: tables, sections, notices, evidence in full."""

from collections.abc import Iterable, Mapping, Sequence

from envelope.records import Claim, Measurement, Scalar
from reports.html import Html, Node, group, tag
from reports.view import View, evidence_anchor
from reports.words import (
    OUTCOME_WORDS,
    count,
    interval,
    mark,
    number,
    p_value,
    scalar,
    unit_word,
    verdict_word,
)


def section(anchor: str, num: str, title: str, lead: Node, *children: Node) -> Html:
    """A numbered section with one sentence that says what it answers."""
    head = tag("h2", tag("a", num, href=f"#{anchor}", class_="num", aria_hidden="true"), title)
    opening = tag("p", lead, class_="lead") if lead is not None else None
    return tag("section", head, opening, *children, id=anchor)


def table(
    caption: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[Node]],
    *,
    class_: str = "",
    ids: Sequence[str] | None = None,
    stacked: bool = False,
) -> Html:
    """A table in a box of its own that scrolls sideways; the first cell of a row is its head.

    `stacked` lays the cells of a row one under the other on a phone, each with its heading.
    """
    body = [
        tag(
            "tr",
            tag("th", row[0], scope="row"),
            [tag("td", cell, data_head=head) for head, cell in zip(heads[1:], row[1:], strict=True)]
            if stacked
            else [tag("td", cell) for cell in row[1:]],
            id=ids[index] if ids else None,
        )
        for index, row in enumerate(rows)
    ]
    inner = tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", [tag("th", head, scope="col") for head in heads])),
        tag("tbody", body),
    )
    return tag(
        "div",
        inner,
        class_=f"table {class_}{' stacked' if stacked else ''}",
        role="region",
        aria_label=caption,
        tabindex="0",
    )


def details(summary: Node, *children: Node, open_: bool = False) -> Html:
    """Depth behind one line."""
    return tag("details", tag("summary", summary), *children, open=open_)


def not_measured(what: str) -> Html:
    """A notice as visible as a finding."""
    words = tag("b", "not measured")
    return tag("p", mark("hollow"), words, ": ", what, class_="notice")


def digest(value: str) -> Html:
    """A digest that breaks anywhere."""
    return tag("code", value, class_="digest")


def outcome_phrase(claim: Claim) -> str:
    """Outcome, and that a failing bound is a limit on record."""
    words = OUTCOME_WORDS[claim.outcome]
    if claim.kind == "bound" and claim.verdict == "fails":
        return f"{words}, a recorded bound"
    return words


def verdict_line(claim: Claim, view: View) -> Html:
    """One claim as a line: shape, word, sentence, link."""
    return tag(
        "p",
        verdict_word(claim.verdict),
        tag("span", outcome_phrase(claim), class_="outcome"),
        tag("span", claim.statement, class_="statement"),
        view.claim_link(claim.id),
        class_="claim-line",
    )


def verdict_lines(claims: Sequence[Claim], view: View) -> Html | None:
    """The claims that a section is about."""
    if not claims:
        return None
    return tag("div", [verdict_line(claim, view) for claim in claims], class_="claim-lines")


def evidence(view: View, suites: Sequence[str]) -> Html | None:
    """Every measurement of the suites, one table per quantity, closed at first."""
    found: dict[tuple[str, str], dict[str, Measurement]] = {}
    for index, measurement in enumerate(view.measurements.summaries):
        if measurement.suite in suites:
            key = (measurement.suite, measurement.quantity)
            found.setdefault(key, {})[evidence_anchor(index)] = measurement
    if not found:
        return None
    total = sum(len(rows) for rows in found.values())
    tables = [_quantity(suite, name, rows) for (suite, name), rows in found.items()]
    return details(f"Numbers behind this section: {count(total, 'measurement')}", tables)


def _quantity(suite: str, name: str, found: Mapping[str, Measurement]) -> Html:
    rows = list(found.values())
    keys = list(dict.fromkeys(key for row in rows for key in row.condition))
    with_p = any(row.p_holm is not None for row in rows)
    with_note = any(row.note for row in rows)
    heads = [*keys, "value", "unit", "95 % interval", "episodes", "method"]
    heads += ["p (Holm)"] * with_p + ["note"] * with_note
    if not keys:
        heads = ["quantity", *heads]
    body = [_measurement(row, keys, with_p, with_note) for row in rows]
    return table(f"{suite}/{name}", heads, body, class_="numbers", ids=list(found))


def _measurement(
    row: Measurement, keys: Sequence[str], with_p: bool, with_note: bool
) -> list[Node]:
    cells: list[Node] = [_setting(row.condition.get(key)) for key in keys] or [row.quantity]
    if row.estimate is None:
        cells += [group(mark("hollow"), "not measured"), unit_word(row.unit), "–", "–", "–"]
    else:
        cells += [
            number(row.estimate.value),
            unit_word(row.unit) or "1",
            interval(row.estimate),
            scalar(row.estimate.episodes),
            row.estimate.interval.replace("_", "-"),
        ]
    if with_p:
        cells.append("–" if row.p_holm is None else p_value(row.p_holm))
    if with_note:
        cells.append(row.note)
    return cells


def _setting(value: Scalar | None) -> str:
    return "–" if value is None else scalar(value)
