"""Drift as the world would tell it: how far off what is imagined is, and what order it leaves."""

from collections.abc import Sequence
from typing import NamedTuple

from envelope.records import Estimate
from envelope.records.units import unit_word
from reports.along import along
from reports.html import Html, group, tag
from reports.parts import not_measured
from reports.svg import Label, Panel, chart, domain_of, rounded
from reports.view import View
from reports.words import amount, short

SUITE = "horizon_drift"
_MOST = 2
"""Quantities that are drawn; the others are in the table."""
_TOP, _PANEL, _PITCH = 34.0, 96.0, 134.0
Curve = list[tuple[float, Estimate]]


class _Series(NamedTuple):
    """What is drawn of one quantity."""

    name: str
    quantity: str
    class_: str
    shape: str


_READ = (
    _Series("nothing moves", "still_error", "reference", "square"),
    _Series("linear probe", "linear_probe_error", "thin", "diamond"),
    _Series("MLP probe", "mlp_probe_error", "model", "disc"),
)


def in_the_world(view: View) -> Html:
    """Probe error of imagined latents in the world's units, and rank of actions, by horizon."""
    read = {name: _curves(view, name) for name in _names(view)[:_MOST]}
    read = {name: curves for name, curves in read.items() if any(curves)}
    ranks = along(view.find(SUITE, "action_rank"), "horizon")
    caption = tag(
        "figcaption",
        tag("b", "In the world"),
        " by horizon: how far off is what probes read out of imagined latents (at 0 out of real "
        "frames), and does imagined cost order actions by the distance to the goal that they "
        "really leave? Probes decide nothing here.",
    )
    if not read and not ranks:
        return tag("figure", caption, not_measured("error in the world's units by horizon."))
    planner = view.envelope.planner_scope
    every = [ranks, *(curve for curves in read.values() for curve in curves)]
    last = max(x for curve in every for x, _ in curve)
    across = (0.0, max(last, float(planner.horizon)) * 1.04)
    drawn = [
        _errors(view, name, curves, _TOP + place * _PITCH, across)
        for place, (name, curves) in enumerate(read.items())
    ]
    if ranks:
        seen = along(view.find(SUITE, "action_rank_seen"), "horizon")
        drawn.append(_ranks(ranks, seen, _TOP + len(drawn) * _PITCH, across))
    text = [_words(name, curves) for name, curves in read.items()]
    text += [f"Rank of actions: {_points(ranks)}."] if ranks else []
    drawing = chart(
        "drift-world",
        "Error in the world's units and order of actions, by horizon",
        " ".join(text),
        _TOP + len(drawn) * _PITCH,
        [group(panel.upright(planner.horizon, "planned"), inner) for panel, inner in drawn],
        drawn[-1][0].foot(
            range(int(last) + 1), f"horizon, model steps (× {planner.block_size} env steps)"
        ),
    )
    return tag("figure", caption, drawing)


def said_of_the_world(view: View) -> str:
    """What an MLP probe reads at the planner's horizon, for the line of the section."""
    for name in _names(view)[:1]:
        found = [
            one
            for horizon in (view.envelope.planner_scope.horizon, 0)
            for one in view.find(SUITE, "mlp_probe_error", of=name, horizon=horizon)
        ]
        far, near = ([amount(m.estimate.value, m.unit) for m in found if m.estimate] + [""] * 2)[:2]
        if far and near:
            what = name.replace("_", " ")
            return f"; a probe reads the imagined {what} {far} off, that of real frames {near}"
    return ""


def _names(view: View) -> list[str]:
    """What is read of the state."""
    found = view.find(SUITE, "still_error")
    return list(dict.fromkeys(str(one.condition.get("of", "state")) for one in found))


def _curves(view: View, name: str) -> list[Curve]:
    """One for each of `_READ`."""
    return [along(view.find(SUITE, one.quantity, of=name), "horizon") for one in _READ]


def _errors(
    view: View, name: str, curves: Sequence[Curve], top: float, across: tuple[float, float]
) -> tuple[Panel, Html]:
    most = domain_of((e.high for curve in curves for _, e in curve), most=1e-9)
    panel = Panel.at(top, _PANEL, across, (0.0, most))
    unit = unit_word(view.find(SUITE, "still_error", of=name)[0].unit)
    drawn, labels = [], []
    for series, curve in zip(_READ, curves, strict=True):
        drawn.append(_joined(panel, curve, series))
        labels += [Label(panel.y(e.value), series.name) for _, e in curve[-1:]]
    what = f"error of the {name.replace('_', ' ')}, root mean square"
    return panel, group(panel.grid(f"{what}, {unit}", 3), drawn, panel.margin(labels))


def _ranks(
    ranks: Curve, seen: Curve, top: float, across: tuple[float, float]
) -> tuple[Panel, Html]:
    lows = [e.low for _, e in (*ranks, *seen)]
    panel = Panel.at(top, _PANEL, across, (min([0.0, *lows]), 1.0))
    labels = [Label(panel.y(e.value), "real frames") for _, e in seen]
    return panel, group(
        panel.grid("rank correlation, imagined with true cost", 3),
        panel.level(0.0, "one-line"),
        _joined(panel, seen, _Series("real frames", "action_rank_seen", "reference", "square")),
        _joined(panel, ranks, _Series("imagined", "action_rank", "model", "disc")),
        panel.margin([*labels, Label(panel.y(ranks[-1][1].value), "imagined")]),
    )


def _joined(panel: Panel, curve: Curve, series: _Series) -> Html:
    return group(
        panel.line([(x, e.value) for x, e in curve], f"series {series.class_}"),
        [
            panel.dot(x, e, f"{series.name}, horizon {short(x)}", series.class_, series.shape)
            for x, e in curve
        ],
    )


def _points(curve: Curve) -> str:
    return "; ".join(f"{short(x)}: {rounded(e.value)}" for x, e in curve)


def _words(name: str, curves: Sequence[Curve]) -> str:
    told = [f"{one.name} {_points(c)}" for one, c in zip(_READ, curves, strict=True) if c]
    return f"Error of the {name.replace('_', ' ')}: {'. '.join(told)}."
