"""What was not measured, the claims in full, the suites' own words."""

from collections.abc import Sequence

from envelope.records import Cell, Claim, SuiteText
from reports.html import Html, Node, group, joined, tag
from reports.parts import details, evidence, outcome_phrase, section, table
from reports.view import View, claim_anchor
from reports.words import FAMILY_WORDS, count, mark, scalar, short, verdict_word, with_interval

SHOWN_SUITES = ("planning", "nuisance_shift", "voe", "horizon_drift")


def unmeasured(view: View) -> Html:
    """Everything a reader might assume, and that nobody measured."""
    items = [
        tag(
            "li",
            tag("h3", mark("hollow"), item.what),
            tag("p", tag("b", "Why not: "), item.reason),
            tag("p", tag("b", "What settles it: "), item.settle),
        )
        for item in view.envelope.not_measured
    ]
    if not items:
        items = [tag("li", tag("p", "The record lists nothing. That is a claim by itself."))]
    return section(
        "not-measured",
        "7",
        "Not measured",
        "Things a reader may assume were measured, and were not. As much a result as the rest.",
        tag("ul", items, class_="gaps"),
        _crashed([cell for cell in view.measurements.cells if cell.status == "crashed"]),
    )


def _crashed(cells: Sequence[Cell]) -> Html | None:
    if not cells:
        return None
    rows = [
        (
            tag("code", cell.id[:12]),
            cell.suite,
            cell.arm,
            ", ".join(f"{key} = {scalar(value)}" for key, value in sorted(cell.condition.items())),
            cell.error,
        )
        for cell in cells
    ]
    return table(
        "Cells that crashed; a crash is not a finding",
        ["cell", "suite", "arm", "condition", "what was raised"],
        rows,
    )


def claims(view: View) -> Html:
    """Every claim with its reason, criterion and evidence."""
    items = [_claim(index, claim, view) for index, claim in enumerate(view.envelope.claims)]
    return section(
        "claims",
        "8",
        "Claims",
        "Each sentence with the verdict in the record, the figures that decided, and the fields "
        "whose change ends it.",
        items or tag("p", "This record makes no claim.", class_="notice"),
        _other(view),
    )


def _claim(index: int, claim: Claim, view: View) -> Html:
    facts: list[tuple[str, Node]] = [
        ("reason", claim.reason),
        ("criterion", claim.criterion),
        ("estimate", with_interval(claim.estimate, 3)),
        (
            "rests on",
            joined([tag("code", path) for path in claim.rests_on]) if claim.rests_on else "nothing",
        ),
        ("evidence", _evidence(claim, view)),
        ("suites", ", ".join(claim.suites) or "none"),
    ]
    return tag(
        "article",
        tag(
            "header",
            verdict_word(claim.verdict),
            tag("span", outcome_phrase(claim), class_="outcome"),
            tag("span", claim.kind, class_="kind"),
            tag(
                "span",
                f"{claim.family} {FAMILY_WORDS[claim.family]}".removeprefix("base "),
                class_="kind",
            ),
            tag("code", claim.id),
        ),
        tag("h3", claim.statement),
        tag("dl", [tag("div", tag("dt", name), tag("dd", value)) for name, value in facts]),
        id=claim_anchor(index),
        class_=f"claim {claim.verdict}",
    )


def _evidence(claim: Claim, view: View) -> Node:
    if not claim.evidence:
        return tag("span", mark("hollow"), "not measured", class_="missing")
    links = joined([view.evidence_link(item) for item in claim.evidence])
    if len(claim.evidence) <= 2:
        return links
    return details(count(len(claim.evidence), "measurement"), tag("p", links))


def _other(view: View) -> Html | None:
    found = view.measurements.summaries
    names = dict.fromkeys(m.suite for m in found if m.suite not in SHOWN_SUITES)
    if not names:
        return None
    return group(tag("h3", "Other evidence"), evidence(view, list(names)))


def suites(view: View) -> Html:
    """What each suite asks, and is blind to, in its own words."""
    items = [_suite(suite) for suite in view.envelope.suites]
    return section(
        "suites",
        "9",
        "Suites",
        "Each suite asks one question and says what it cannot see.",
        tag("div", items, class_="suites")
        if items
        else tag("p", mark("hollow"), "No suite is recorded: not measured.", class_="notice"),
        _criteria(view),
    )


def _suite(suite: SuiteText) -> Html:
    parts = [
        ("Why it matters", suite.why_it_matters),
        ("Observes", suite.observes),
        ("Blind to", suite.blind_to),
    ]
    return tag(
        "article",
        tag(
            "p",
            tag("code", suite.name),
            " ",
            tag("span", FAMILY_WORDS[suite.family]),
            class_="small",
        ),
        tag("h3", suite.question),
        tag("dl", [tag("div", tag("dt", name), tag("dd", words)) for name, words in parts]),
        class_="suite",
    )


def _criteria(view: View) -> Html:
    criteria = view.envelope.criteria
    single = criteria.model_dump(exclude={"nuisances", "violations", "format"})
    rows: list[Sequence[Node]] = [(tag("code", name), scalar(v)) for name, v in single.items()]
    rows += [
        (tag("code", f"nuisances.{name}"), "strengths " + ", ".join(short(v) for v in strengths))
        for name, strengths in criteria.nuisances.items()
    ]
    rows += [
        (
            tag("code", f"violations.{name}"),
            f"magnitudes {', '.join(short(v) for v in v.magnitudes)} {v.unit}, claim at "
            f"{short(v.claim_at)}",
        )
        for name, v in criteria.violations.items()
    ]
    return details("Criteria, fixed before the run", table("Criteria", ["name", "value"], rows))
