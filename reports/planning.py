"""Planning on the clean world: the model against its floor, its twin and the ceiling."""

from reports.evidence import evidence
from reports.html import Html, group, tag
from reports.parts import not_measured, section, verdict_lines
from reports.svg import Row, domain_of, dot_rows, rounded
from reports.view import View
from reports.words import count, scalar, short

ARMS = (
    ("true_dynamics", "same planner on the true dynamics (ceiling)", "reference"),
    ("model", "the model", "model"),
    ("untrained_twin", "untrained twin, same planner", "reference"),
    ("random", "random actions (floor)", "reference"),
)
_SHORT = {
    "model": "the model",
    "untrained_twin": "its untrained twin",
    "random": "random actions",
    "true_dynamics": "true dynamics",
}


def planning(view: View) -> Html:
    """The section on clean closed-loop success."""
    found = view.of_suite("planning")
    claims = [claim for claim in view.envelope.claims if claim.family == "base"]
    body = (
        group(tag("div", _arms(view), _gains(view), class_="figures"), evidence(view, ["planning"]))
        if found
        else not_measured("clean closed-loop planning. Nothing else on this page can stand on it.")
    )
    return section(
        "planning",
        view.number("planning"),
        "Planning",
        "Does the planner reach its goals with this model, and how much of that is the model's "
        "own doing? Every arm runs the same starts and goals.",
        verdict_lines(claims, view),
        body,
        claims=claims,
        said=_said(view),
        is_open=True,
    )


def _said(view: View) -> str:
    parts = [
        f"{words} {rounded(found.value)}"
        for arm, words in _SHORT.items()
        if (found := view.estimate("planning", "success", arm=arm))
    ]
    return f"Success in closed loop: {', '.join(parts)}." if parts else "Not measured."


def _arms(view: View) -> Html:
    streams = view.find("planning", "success_by_stream")
    values = [m.estimate.value for m in streams if m.estimate is not None]
    needed = view.envelope.criteria.success_at_least
    rows = [
        Row(
            name,
            view.estimate("planning", "success", arm=arm),
            class_,
            values if arm == "model" else (),
            (needed, f"required {short(needed)}") if arm == "model" else None,
        )
        for arm, name, class_ in ARMS
    ]
    text = "; ".join(
        f"{row.name} {rounded(row.estimate.value) if row.estimate else 'not measured'}"
        for row in rows
    )
    drawing = dot_rows(
        "planning-success",
        "Success by arm",
        f"Share of solved cases with 95 % interval: {text}. Required: {short(needed)}.",
        rows,
        (0.0, 1.0),
    )
    return tag("figure", tag("figcaption", tag("b", "Success"), _streams(values)), drawing)


def _streams(values: list[float]) -> Html:
    if not values:
        return group(" share of solved cases, 95 % interval. Planner streams: not measured.")
    low, high = min(values), max(values)
    return group(
        f" share of solved cases, 95 % interval. Ticks on the model: "
        f"{count(len(values), 'planner stream')}, spread {rounded(high - low)} "
        f"({rounded(low)} to {rounded(high)})."
    )


def _gains(view: View) -> Html:
    over = {
        "untrained_twin": "gain over the untrained twin",
        "random": "gain over random actions",
    }
    rows = [
        Row(
            name,
            view.estimate("planning", "success_gain", over=arm),
            "model",
            limit=(0.0, "required above 0"),
        )
        for arm, name in over.items()
    ]
    share = view.estimate("planning", "share_of_ceiling")
    needed = view.envelope.criteria.share_of_ceiling_at_least
    rows.append(
        Row("share of the ceiling", share, "model", limit=(needed, f"required {short(needed)}"))
    )
    known = [row.estimate for row in rows if row.estimate is not None]
    low = min([0.0, *(e.low for e in known)])
    domain = (min(0.0, low * 1.1), domain_of(e.high for e in known))
    words = "; ".join(
        f"{row.name} {rounded(row.estimate.value) if row.estimate else 'not measured'}"
        for row in rows
    )
    drawing = dot_rows(
        "planning-gains",
        "Paired gains and share of the ceiling",
        f"Paired differences with 95 % interval: {words}. Share required: {short(needed)}.",
        rows,
        domain,
    )
    alarms = view.find("planning", "alarm_rate")
    quiet = [
        f"{scalar(m.condition.get('monitor', 'monitor'))} alarmed in "
        f"{rounded(m.estimate.value) if m.estimate else 'an unmeasured share'} of clean episodes"
        for m in alarms
    ]
    caption = " paired by case, 95 % interval."
    tail = f" {'; '.join(quiet)}." if quiet else ""
    return tag(
        "figure", tag("figcaption", tag("b", "Against the references"), caption, tail), drawing
    )
