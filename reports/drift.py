"""Drift: how far ahead one may look."""

import math
from collections.abc import Sequence

from envelope.records import Claim
from reports.along import along
from reports.drift_world import in_the_world, said_of_the_world
from reports.evidence import evidence
from reports.html import Html, group, tag
from reports.parts import not_measured, section, verdict_lines
from reports.svg import Label, LogScale, Panel, chart, domain_of, rounded
from reports.view import View
from reports.words import number, scalar, short, with_interval

HEIGHT = 268.0
LOW_SHARE = 0.2
"""Of the limit: errors below it would lie on the floor of a straight axis."""


def drift(view: View) -> Html:
    """The section on rollout error and goal distance."""
    found = view.of_suite("horizon_drift")
    claims = [claim for claim in view.envelope.claims if claim.family == "F7"]
    body = (
        group(
            tag("div", _ratio(view), _offsets(view), in_the_world(view), class_="figures"),
            _jumps(view),
            evidence(view, ["horizon_drift"]),
        )
        if found
        else not_measured("how the imagined future departs from the real one.")
    )
    return section(
        "drift",
        view.number("drift"),
        "Drift",
        "How far ahead may the planner look? Error of the imagined latent, in units of assuming "
        "that nothing moves: at 1 the model adds nothing.",
        verdict_lines(claims, view),
        body,
        claims=claims,
        said=_said(view, claims),
    )


def _said(view: View, claims: Sequence[Claim]) -> str:
    horizon = view.envelope.planner_scope.horizon
    found = view.estimate("horizon_drift", "drift_ratio", horizon=horizon)
    if found is None:
        return "Not measured."
    words = f"At the planner's {horizon} model steps the error is {number(found.value, 3)} of "
    words += "assuming that nothing moves"
    for claim in claims:
        if claim.id == "drift.usable_horizon" and claim.estimate is not None:
            words += f"; usable up to {short(claim.estimate.low)}"
    return words + said_of_the_world(view) + "."


def _ratio(view: View) -> Html:
    record = view.envelope
    points = along(view.find("horizon_drift", "drift_ratio"), "horizon")
    caption = tag(
        "figcaption", tag("b", "Rollout error"), " over the error of nothing-moves, by horizon."
    )
    if not points:
        return tag("figure", caption, not_measured("rollout error by horizon."))
    limit, planned = record.criteria.max_drift_ratio, float(record.planner_scope.horizon)
    longest = points[-1][0]
    end = max(longest, planned) * 1.12
    top = domain_of([limit, *(e.high for _, e in points)], most=1.15)
    panel = Panel.at(34, HEIGHT - 86, (0.0, end), (0.0, top))
    least = min(e.value for _, e in points)
    is_low = 0 < least < LOW_SHARE * limit
    if is_low:
        low = 10.0 ** math.floor(math.log10(max(least, 1e-6)))
        panel = Panel(panel.x, LogScale(low, top, panel.y.start, panel.y.end))
    block = record.planner_scope.block_size
    labels = [
        Label(panel.y(1.0), "nothing moves", "one"),
        Label(panel.y(limit), f"limit {short(limit)}", "limit-word"),
    ]
    inside = planned <= longest
    side = "end" if panel.x(planned) > 250 else "start"
    shift = -6 if side == "end" else 6
    words = f"planner's horizon {short(planned)}" + ("" if inside else ": beyond what was measured")
    text = "; ".join(f"{short(x)}: {rounded(e.value)}" for x, e in points)
    drawing = chart(
        "drift-ratio",
        "Rollout error by horizon",
        f"Error over nothing-moves by horizon in model steps: {text}. Limit {short(limit)}, "
        f"planner's horizon {short(planned)}.",
        HEIGHT,
        panel.span(longest, end, "unmeasured"),
        panel.grid(f"error ÷ error of nothing-moves{', in powers of ten' if is_low else ''}"),
        panel.level(1.0, "one-line"),
        panel.level(limit, "limit"),
        panel.upright(planned, "planned"),
        _words_at(panel, planned, words, side, shift),
        panel.band(points, "area"),
        panel.line([(x, e.value) for x, e in points], "series"),
        [panel.dot(x, e, f"horizon {short(x)}", "model", "disc") for x, e in points],
        panel.margin(labels),
        panel.foot(
            [x for x, _ in points],
            f"horizon, model steps (× {block} env steps)",
        ),
    )
    return tag("figure", caption, drawing)


def _words_at(panel: Panel, x: float, words: str, side: str, shift: int) -> Html:
    return tag(
        "text",
        words,
        x=panel.x(x) + shift,
        y=panel.y.end + 11,
        class_="label planned-word",
        text_anchor=side,
    )


def _jumps(view: View) -> Html | None:
    """Direct and composed jumps, where the model offers both."""
    lines = []
    for one in view.find("horizon_drift", "self_consistency"):
        horizon = scalar(one.condition.get("horizon", "several"))
        found = with_interval(one.estimate, 3) if one.estimate else f"not measured ({one.note})"
        lines.append(
            f"One jump over {horizon} model steps, and the same in two jumps, end apart by {found} "
            "of assuming that nothing moves."
        )
    return tag("p", " ".join(lines)) if lines else None


def _offsets(view: View) -> Html:
    record = view.envelope
    points = along(view.find("horizon_drift", "success_by_offset"), "goal_offset_env_steps")
    caption = tag(
        "figcaption", tag("b", "Success by distance of the goal"), " in closed loop, 95 % interval."
    )
    if not points:
        return tag("figure", caption, not_measured("success by distance of the goal."))
    nominal = float(record.planner_scope.conventions.goal_offset_env_steps)
    needed = record.criteria.success_at_least
    longest = points[-1][0]
    end = max(longest, nominal) * 1.12
    panel = Panel.at(34, HEIGHT - 86, (0.0, end), (0.0, 1.0))
    labels = [Label(panel.y(needed), f"required {short(needed)}", "limit-word")]
    admitted = record.planner_scope.admitted.get("conventions.goal_offset_env_steps")
    text = "; ".join(f"{short(x)}: {rounded(e.value)}" for x, e in points)
    side = "end" if panel.x(nominal) > 250 else "start"
    drawing = chart(
        "drift-offset",
        "Success by goal offset",
        f"Closed-loop success by goal offset in env steps: {text}. Required {short(needed)}.",
        HEIGHT,
        panel.span(admitted.low, admitted.high, "admitted") if admitted else None,
        panel.span(0.0, points[0][0], "unmeasured"),
        panel.span(longest, end, "unmeasured"),
        panel.grid("success"),
        panel.level(needed, "limit"),
        panel.upright(nominal, "planned"),
        _words_at(
            panel, nominal, f"nominal offset {short(nominal)}", side, -6 if side == "end" else 6
        ),
        panel.line([(x, e.value) for x, e in points], "series"),
        [panel.dot(x, e, f"offset {short(x)}", "model", "disc") for x, e in points],
        panel.margin(labels),
        panel.foot([x for x, _ in points], "goal offset, env steps"),
    )
    return tag("figure", caption, drawing)
