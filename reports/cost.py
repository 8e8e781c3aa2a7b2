"""Cost: what a frame carries, and what one plan takes, beside other systems."""

import math

from envelope.records import Estimate
from reports.along import along
from reports.evidence import evidence
from reports.html import Html, Node, group, tag
from reports.parts import not_measured, section, table, verdict_lines
from reports.svg import WIDTH, Scale, chart, symbol, text
from reports.systems import SYSTEMS, System
from reports.view import View
from reports.words import number, short

SUITE = "cost"
_PITCH = 24.0
_NAMES = 158.0
"""Width that names of systems take up."""
_MOST_TOKENS = 1000.0


def cost(view: View) -> Html:
    """The section on tokens, operations and seconds (F1)."""
    claims = view.claims_under(SUITE)
    body: Node = not_measured("what a frame and a plan cost.")
    if view.of_suite(SUITE):
        body = group(
            tag("div", _tokens(view), _growth(view), class_="figures"),
            _figures(view),
            _others(),
            evidence(view, [SUITE]),
        )
    return section(
        SUITE,
        view.number(SUITE),
        "Cost",
        "What does a frame carry to the predictor, and how many operations does one plan take? "
        "Operations are counted, seconds depend on the machine and decide nothing.",
        verdict_lines(claims, view),
        body,
        claims=claims,
        said=_said(view),
    )


def _value(view: View, quantity: str, **condition: str) -> float | None:
    found = view.estimate(SUITE, quantity, **condition)
    return None if found is None else found.value


def _said(view: View) -> str:
    if not view.of_suite(SUITE):
        return "Not measured."
    tokens, plan = _value(view, "tokens_per_frame"), _value(view, "operations", of="plan")
    parts = []
    if tokens is not None:
        parts.append(f"{short(tokens)} token{'' if tokens == 1 else 's'} per frame")
    if plan is not None:
        parts.append(f"{_big(plan)} operations per plan")
    spent = view.envelope.timing.cost_seconds.get("plan")
    if spent is not None:
        parts.append(f"{_spent(spent)} on the measuring machine")
    return ", ".join(parts) + "." if parts else "Nothing could be counted."


def _big(value: float) -> str:
    """A count as people read it: plain up to a million, a power of ten beyond."""
    return number(value, 2) if value >= 1e6 else f"{value:,.0f}".replace(",", "\u202f")


def _spent(value: float) -> str:
    """Wall seconds to three digits; one run on one machine has no more to say."""
    return f"{value:.3g} s" if value >= 1 else f"{1000 * value:.3g} ms"


# --- tokens per frame -------------------------------------------------------------------------


def _tokens(view: View) -> Html:
    found = view.estimate(SUITE, "tokens_per_frame")
    name = view.envelope.model_state.adapter
    audited = System(f"this model ({name})", None, "", "", "", "")
    rows = [(audited, found), *((system, None) for system in SYSTEMS if system.tokens)]
    x = Scale(0.0, math.log10(_MOST_TOKENS), _NAMES, WIDTH - 40)
    bottom = 8 + _PITCH * len(rows)
    drawn = [
        _token_row(system, estimate, x, 8 + _PITCH * (place + 0.5))
        for place, (system, estimate) in enumerate(rows)
    ]
    said = "; ".join(f"{one.name} {_span(one)}" for one in SYSTEMS if one.tokens)
    own = "not measured" if found is None else short(found.value)
    drawing = chart(
        "cost-tokens",
        "Tokens per frame",
        f"Tokens per frame on a logarithmic axis. This model: {own}; {said}.",
        bottom + 38,
        _powers(x, 8.0, bottom, (0, 1, 2, 3)),
        drawn,
        text((x.start + x.end) / 2, bottom + 33, "tokens per frame", "tick", "middle"),
    )
    caption = tag(
        "figcaption",
        tag("b", "Tokens per frame"),
        " that the planner sees. Other systems as published, in grey; sources below.",
    )
    return tag("figure", caption, drawing)


def _token_row(system: System, found: Estimate | None, x: Scale, y: float) -> Html:
    label = text(2, y + 4, system.name, "row-name" if system.tokens is None else "")
    if system.tokens is None:
        if found is None:
            return group(label, text(x.start, y + 4, "not measured", "row-value"))
        at = x(math.log10(max(found.value, 1.0)))
        point = tag("g", symbol("disc", at, y, 5.5), class_="range model")
        return group(label, point, text(at + 11, y + 4, short(found.value), "row-value"))
    low, high = (x(math.log10(count)) for count in system.tokens)
    bar = tag("rect", x=low, y=y - 3, width=max(high - low, 1.0), height=6.0, rx=3.0)
    point = tag(
        "g", bar, [symbol("diamond", at, y) for at in sorted({low, high})], class_="range reference"
    )
    return group(label, point, text(high + 11, y + 4, _span(system)))


def _span(system: System) -> str:
    low, high = system.tokens or (0, 0)
    return str(low) if low == high else f"{low} to {high}"


def _powers(x: Scale, top: float, bottom: float, powers: tuple[int, ...]) -> Html:
    """Upright rules at powers of ten, each with its value."""
    return group(
        [
            group(
                tag("line", x1=x(power), x2=x(power), y1=top, y2=bottom, class_="rule"),
                text(x(power), bottom + 15, short(10.0**power), "tick", "middle"),
            )
            for power in powers
        ]
    )


# --- growth -------------------------------------------------------------------------------------


def _growth(view: View) -> Html:
    name, words = "Operations of one plan", " if the same architecture carried so many tokens."
    points = along(view.find(SUITE, "operations_over_tokens"), "tokens_per_frame")
    caption = tag("figcaption", tag("b", name), words)
    if len(points) < 2:
        return tag("figure", caption, not_measured("operations at other numbers of tokens."))
    logs = [(math.log10(count), math.log10(found.value)) for count, found in points]
    own = (_value(view, "tokens_per_frame"), _value(view, "operations", of="plan"))
    here = [] if None in own else [(math.log10(own[0] or 1), math.log10(own[1] or 1))]
    ends = [at for _, at in (*logs, *here)]
    low, high = math.floor(min(ends)), math.ceil(max(ends))
    x = Scale(-0.1, logs[-1][0] + 0.15, 52.0, WIDTH - 20)
    y = Scale(low, high, 208.0, 26.0)
    grid = [
        group(
            tag("line", x1=x.start, x2=x.end, y1=y(power), y2=y(power), class_="rule"),
            text(x.start - 7, y(power) + 4, f"1e{power}", "tick", "end"),
        )
        for power in range(low, high + 1)
    ]
    marks = [
        tag(
            "g",
            tag("title", f"{short(count)} tokens: {_big(found.value)} operations"),
            symbol("diamond", x(at), y(height)),
            class_="range reference",
        )
        for (count, found), (at, height) in zip(points, logs, strict=True)
    ]
    feet = [
        text(x(at), 225, short(count), "tick", "middle")
        for (count, _), (at, _) in zip(points, logs, strict=True)
    ]
    path = " ".join(f"{x(at):.1f},{y(height):.1f}" for at, height in logs)
    said = "; ".join(f"{short(count)}: {_big(found.value)}" for count, found in points)
    drawing = chart(
        "cost-growth",
        name,
        f"Operations of one plan by tokens per frame: {said}.",
        246,
        text(2, 14, "operations", "name"),
        grid,
        tag("polyline", points=path, class_="series thin"),
        marks,
        [
            tag("g", symbol("disc", x(at), y(height), 5.5), class_="range model")
            for at, height in here
        ],
        feet,
        text((x.start + x.end) / 2, 242, "tokens per frame", "tick", "middle"),
    )
    return tag("figure", caption, drawing, tag("p", _slope(points), class_="range-words"))


def _slope(points: list[tuple[float, Estimate]]) -> str:
    (few, cheap), (many, dear) = points[0], points[-1]
    return (
        f"{short(many / few)} times the tokens take {dear.value / cheap.value:.0f} times the "
        "operations. The disc is this model as it is; the others keep its widths and depths over a "
        "transformer that sees every token, and only their shapes are laid out."
    )


# --- tables -------------------------------------------------------------------------------------


def _figures(view: View) -> Html:
    spent = view.envelope.timing.cost_seconds
    share = _value(view, "encoder_share")
    rows: list[tuple[str, str, str]] = [
        ("encoding one frame", *_operations_and_seconds(view, "frame", spent)),
        ("imagining one candidate", *_operations_and_seconds(view, "candidate", spent)),
        ("one plan", *_operations_and_seconds(view, "plan", spent)),
    ]
    steps = _value(view, "model_steps_per_plan")
    lines = []
    if steps is not None:
        lines.append(f"One plan imagines {_big(steps)} model steps")
    if share is not None:
        lines.append(f"{number(100 * share, 1)} % of its operations encode frames")
    return group(
        table("What one plan takes", ["of", "operations", "seconds (wall)"], rows),
        tag("p", "; ".join(lines) + ".", class_="range-words") if lines else None,
    )


def _operations_and_seconds(view: View, of: str, spent: dict[str, float]) -> tuple[str, str]:
    counted = _value(view, "operations", of=of)
    return (
        "not measured" if counted is None else _big(counted),
        _spent(spent[of]) if of in spent else "–",
    )


def _others() -> Html:
    rows = [(one.name, one.carried, one.search, one.plan_time, one.source) for one in SYSTEMS]
    return table(
        "Other systems, as published: nothing here was measured by this audit",
        ["system", "a frame is", "search", "time of a plan", "source"],
        rows,
        stacked=True,
    )
