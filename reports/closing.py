"""What was not measured, and the suites' own words."""

from collections.abc import Sequence

from envelope.records import Cell, SuiteText
from envelope.records.units import in_unit
from reports.html import Html, Node, tag
from reports.parts import details, section, table
from reports.view import View
from reports.words import FAMILY_WORDS, amount, count, mark, scalar, short


def unmeasured(view: View) -> Html:
    """Everything a reader might assume, and that nobody measured."""
    crashed = [cell for cell in view.measurements.cells if cell.status == "crashed"]
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
        view.number("not-measured"),
        "Not measured",
        "Things a reader may assume were measured, and were not. As much a result as the rest.",
        tag("ul", items, class_="gaps"),
        _crashed(crashed),
        said=_said(view, len(crashed)),
    )


def _said(view: View, num_crashed: int) -> str:
    gaps = view.envelope.not_measured
    named = "; ".join(gap.what for gap in gaps[:3]) + ("; …" if len(gaps) > 3 else "")
    words = f"{count(len(gaps), 'gap')}: {named}." if gaps else "The record lists nothing."
    return words + (f" {count(num_crashed, 'cell')} crashed." if num_crashed else "")


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


def suites(view: View) -> Html:
    """What each suite asks, and is blind to, in its own words."""
    items = [_suite(suite) for suite in view.envelope.suites]
    return section(
        "suites",
        view.number("suites"),
        "Suites",
        "Each suite asks one question and says what it cannot see.",
        tag("div", items, class_="suites")
        if items
        else tag("p", mark("hollow"), "No suite is recorded: not measured.", class_="notice"),
        _criteria(view),
        said=", ".join(suite.name.replace("_", " ") for suite in view.envelope.suites) + ".",
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
            f"magnitudes {in_unit(', '.join(short(v) for v in v.magnitudes), v.unit)}, claim at "
            f"{amount(v.claim_at, v.unit)}",
        )
        for name, v in criteria.violations.items()
    ]
    return details("Criteria, fixed before the run", table("Criteria", ["name", "value"], rows))
