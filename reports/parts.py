"""Parts that several sections use: tables, sections, notices."""

from collections.abc import Iterable, Sequence

from envelope.records import Claim
from envelope.records.units import in_unit
from reports.html import Html, Node, tag
from reports.view import View
from reports.words import OUTCOME_WORDS, VERDICTS, mark, verdict_word


def section(
    anchor: str,
    num: str,
    title: str,
    lead: Node,
    *children: Node,
    claims: Sequence[Claim] = (),
    said: Node = None,
    is_open: bool = False,
) -> Html:
    """A numbered section behind its heading and one line that says what was found.

    The anchor lies inside, so that a link to it, or to anything below it, opens the section.

    Args:
        anchor: unique within the page.
        num: as the contents count it.
        title: the heading.
        lead: which question it answers.
        children: the section itself.
        claims: those that it is about; their verdicts are counted beside the heading.
        said: what was found, in a sentence.
        is_open: whether it is open at first.
    """
    line = tag("span", counted(claims), tag("span", said, class_="found-words"), class_="said")
    head = tag("h2", tag("span", num, class_="num", aria_hidden="true"), title)
    opening = tag("p", lead, class_="lead") if lead is not None else None
    return tag(
        "section",
        tag(
            "details",
            tag("summary", head, line),
            tag("div", opening, *children, id=anchor, class_="body"),
            open=is_open,
        ),
        class_="part",
    )


def counted(claims: Sequence[Claim]) -> Node:
    """How many of some claims have each verdict, with shape, colour and word."""
    parts = []
    for verdict in VERDICTS:
        num = sum(claim.verdict == verdict for claim in claims)
        if num:
            word = {"holds": "hold", "fails": "fail"}.get(verdict, verdict) if num > 1 else verdict
            parts.append(
                tag("span", mark(verdict), tag("b", f"{num} {word}"), class_=f"verdict {verdict}")
            )
    return parts


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


def details(summary: Node, *children: Node, open_: bool = False, on_paper: bool = True) -> Html:
    """Depth behind one line; of what is not for paper the line alone is printed."""
    class_ = None if on_paper else "screen-only"
    return tag("details", tag("summary", summary), *children, open=open_, class_=class_)


def not_measured(what: str) -> Html:
    """A notice as visible as a finding."""
    words = tag("b", "not measured")
    return tag("p", mark("hollow"), words, ": ", what, class_="notice")


def digest(value: str) -> Html:
    """A digest that breaks anywhere."""
    return tag("code", value, class_="digest")


def outcome_words(claim: Claim, view: View) -> str:
    """Outcome; of a nuisance that was loud at the weakest strength that ran, no more than that."""
    words = OUTCOME_WORDS[claim.outcome]
    scope = view.envelope.input_scope.nuisance.get(claim.id.removeprefix("nuisance."))
    if claim.outcome != "fails_loudly" or scope is None:
        return words
    ran = [one for one in scope.strengths if one.outcome != "not_measured"]
    if not ran or any(one.outcome == "robust" for one in ran):
        return words
    weakest = min(ran, key=lambda one: abs(one.amount - scope.nominal))
    at = in_unit(f"{weakest.amount:.2g}", scope.unit, space="\u00a0")
    return f"{words} at {at}, the weakest that ran (weaker may fail silently)"


def outcome_phrase(claim: Claim, view: View) -> str:
    """Outcome, and that a failing bound is a limit on record."""
    words = outcome_words(claim, view)
    if claim.kind == "bound" and claim.verdict == "fails":
        return f"{words}, a recorded bound"
    return words


def verdict_line(claim: Claim, view: View) -> Html:
    """One claim as a line: shape, word, sentence, link."""
    return tag(
        "p",
        verdict_word(claim.verdict),
        tag("span", outcome_phrase(claim, view), class_="outcome"),
        tag("span", claim.statement, class_="statement"),
        view.claim_link(claim.id),
        class_="claim-line",
    )


def verdict_lines(claims: Sequence[Claim], view: View) -> Html | None:
    """The claims that a section is about."""
    if not claims:
        return None
    return tag("div", [verdict_line(claim, view) for claim in claims], class_="claim-lines")
