"""The five fields as a table: what is admitted, what rests on it, what a change does."""

from collections.abc import Mapping, Sequence

from envelope.records import (
    Envelope,
    InputScope,
    NuisanceScope,
    PlannerScope,
    Range,
    Scalar,
    Trigger,
)
from reports.html import Html, Node, group, joined, tag
from reports.parts import digest, section, table
from reports.view import View, below, dotted
from reports.words import amount, count, measured_words, number, scalar, short, size

Row = tuple[str, Node]
"""A dotted path and its recorded value."""
_DRIVEN = {"planner": "episode", "recording": "recorded episode"}
"""What a calibration episode is called, by who chose its actions."""


def fields(view: View) -> Html:
    """The section on the five fields and their triggers."""
    record = view.envelope
    groups: list[tuple[str, list[Row]]] = [
        ("Input scope", _input_rows(record)),
        ("Planner scope", _planner_rows(record)),
        ("Model state", _model_rows(record)),
        ("Monitors", _monitor_rows(record)),
    ]
    return section(
        "scope",
        view.number("scope"),
        "The five fields",
        "The conditions this record speaks about. A deployment is inside when every field is; "
        "what is not listed here was not measured.",
        _tables(groups, view),
        tag("h3", "Revalidation triggers", id="triggers"),
        _triggers(view),
        said=_said(record),
    )


def _said(record: Envelope) -> str:
    scope = record.input_scope
    off = [
        name.replace("_", " ")
        for name, n in scope.nuisance.items()
        if n.admitted.low < n.admitted.high
    ]
    words = ", ".join(off) if off else "no nuisance"
    return (
        f"{scope.world}{', recorded episodes only' if scope.recorded_episodes else ''}, "
        f"{planner_words(record)}; {words} admitted off nominal; "
        f"{count(len(record.monitors), 'monitor')}; "
        f"{count(len(record.revalidation_triggers), 'trigger')}."
    )


def planner_words(record: Envelope) -> str:
    """The planner in one phrase."""
    p = record.planner_scope
    return f"{p.algorithm} {p.num_samples}\u2009×\u2009{p.iterations}, horizon {p.horizon}"


def _tables(groups: Sequence[tuple[str, Sequence[Row]]], view: View) -> list[Html]:
    """A table per field. What rests on a row is listed once; later rows point at the first."""
    heads = ["field", "recorded value or admitted range", "what rests on it", "on a change"]
    first: dict[tuple[str, ...], tuple[str, str]] = {}
    tables: list[Html] = []
    num = 0
    for title, rows in groups:
        body: list[list[Node]] = []
        ids: list[str] = []
        for path, value in rows:
            num += 1
            name, found = path.partition(".")[2] or path, view.claims_on(path)
            ids.append(f"field-{num}")
            key = tuple(claim.id for claim in found)
            resting: Node = view.claims_in_short(found)
            if key and key in first:
                anchor, words = first[key]
                resting = ["as for ", tag("a", tag("code", words), href=f"#{anchor}")]
            first.setdefault(key, (ids[-1], name))
            body.append([dotted(name), value, resting, _lapse(path, view)])
        tables.append(table(title, heads, body, class_="fields", ids=ids, stacked=True))
    return tables


def _lapse(path: str, view: View) -> Node:
    rules = {
        (t.comparison.replace("_", " "), t.meanwhile.replace("_", " ")): None
        for t in view.envelope.revalidation_triggers
        if below(path, t.field) or below(t.field, path)
    }
    if not rules:
        return tag("span", "no trigger", class_="none")
    return joined([group(f"{rule} → ", tag("b", meanwhile)) for rule, meanwhile in rules], "; ")


def box_words(scope: InputScope) -> str:
    """The box in which several nuisances were drawn together."""
    if scope.joint_scale == 1:
        return "their admitted ranges"
    return f"{short(scope.joint_scale)} of their admitted ranges"


def _input_rows(record: Envelope) -> list[Row]:
    scope = record.input_scope
    rows: list[Row] = [
        ("input_scope.world", scope.world),
        ("input_scope.observation.size_px", f"{scope.observation.size_px} px"),
        (
            "input_scope.observation.env_steps_per_frame",
            count(scope.observation.env_steps_per_frame, "env step") + " per frame",
        ),
        ("input_scope.factors", _factors(scope.factors)),
    ]
    if scope.recorded_episodes:
        episodes = group("no simulator, these episodes alone ", digest(scope.recorded_episodes))
        rows.append(("input_scope.recorded_episodes", episodes))
    if scope.driven_by:
        rows.append(("input_scope.driven_by", f"{scope.driven_by}, not the planner"))
    for name, nuisance in scope.nuisance.items():
        rows.append((f"input_scope.nuisance.{name}", _nuisance(nuisance)))
    joint = "one nuisance off nominal at a time"
    if scope.joint:
        joint = f"joint cells held, up to the ends of {box_words(scope)}"
    return [*rows, ("input_scope.joint", joint)]


def _factors(factors: Mapping[str, object]) -> Node:
    if not factors:
        return "the world's defaults"
    return joined(
        [group(tag("code", name), " = ", _factor(value)) for name, value in factors.items()]
    )


def _factor(value: object) -> str:
    if isinstance(value, list):
        return "(" + ", ".join(short(float(part)) for part in value) + ")"
    return scalar(value) if isinstance(value, (float, int)) else str(value)


def _nuisance(scope: NuisanceScope) -> Html:
    admitted = range_words(scope.admitted, scope.unit, scope.nominal)
    return group(
        "admitted ", tag("b", admitted), tag("span", closed_loop_words(scope), class_="beside")
    )


def closed_loop_words(scope: NuisanceScope) -> str:
    """Where planning was measured under a nuisance."""
    if scope.measured.low == scope.measured.high:
        return "not measured in closed loop"
    frames = f", {' and '.join(scope.frames)} frame" if scope.frames else ""
    measured = range_words(scope.measured, scope.unit, scope.nominal)
    return f"closed-loop cells lie in {measured}{frames}"


def range_words(values: Range, unit: str, nominal: float) -> str:
    """A range with its unit; a point is called by name."""
    if values.low == values.high:
        words = amount(values.low, unit)
        return f"nominal alone ({words})" if values.low == nominal else f"{words} alone"
    return f"{short(values.low)} to {amount(values.high, unit)}"


def _planner_rows(record: Envelope) -> list[Row]:
    scope = record.planner_scope
    plain = scope.model_dump(exclude={"conventions", "admitted", "options"})
    rows = [_planner_row(name, value, scope) for name, value in plain.items()]
    if scope.options:
        options = ", ".join(f"{name} {short(value)}" for name, value in scope.options.items())
        rows.append(("planner_scope.options", options))
    for name, value in scope.conventions.model_dump().items():
        rows.append(_planner_row(f"conventions.{name}", value, scope))
    written = {path.removeprefix("planner_scope.") for path, _ in rows}
    for name, values in scope.admitted.items():
        if name not in written:
            words = group("admitted ", tag("b", f"{short(values.low)} to {short(values.high)}"))
            rows.append((f"planner_scope.{name}", words))
    return rows


def _planner_row(name: str, value: Scalar, scope: PlannerScope) -> Row:
    admitted = scope.admitted.get(name)
    if admitted is None:
        return (f"planner_scope.{name}", scalar(value))
    words = group(
        "admitted ",
        tag("b", f"{short(admitted.low)} to {short(admitted.high)}"),
        tag("span", f"nominal {scalar(value)}", class_="beside"),
    )
    return (f"planner_scope.{name}", words)


def _model_rows(record: Envelope) -> list[Row]:
    state = record.model_state
    files = [
        tag("li", tag("code", f.path), f", {size(f.size_bytes)}, sha256 ", digest(f.sha256))
        for f in state.files
    ]
    groups = [tag("li", name, " ", digest(value)) for name, value in state.groups.items()]
    training = [group(tag("code", k), " = ", scalar(v)) for k, v in state.training.items()]
    tuning: Node = "none: the model as trained"
    if state.tuning:
        tuning = tag("ol", [tag("li", step) for step in state.tuning])
    return [
        ("model_state.files", tag("ul", files) if files else "none"),
        ("model_state.tensor_digest", digest(state.tensor_digest)),
        ("model_state.groups", tag("ul", groups) if groups else "none"),
        ("model_state.config_digest", digest(state.config_digest)),
        ("model_state.adapter", state.adapter),
        ("model_state.num_parameters", scalar(state.num_parameters)),
        ("model_state.tuning", tuning),
        ("model_state.training", joined(training) if training else "no training record"),
    ]


def _monitor_rows(record: Envelope) -> list[Row]:
    rows: list[Row] = []
    for monitor in record.monitors:
        calibration = monitor.calibration
        measured = measured_words(monitor.measured_false_alarms)
        rows.append(
            (
                f"monitors.{monitor.name}",
                group(
                    tag("span", monitor.statistic, class_="beside"),
                    "alarm above ",
                    tag("b", number(monitor.threshold, 4)),
                    f"; stated false alarms {short(monitor.false_alarms_per_episode)} per episode, "
                    f"{measured}; {calibration.method.replace('_', ' ')} over "
                    f"{count(calibration.episodes, _DRIVEN[calibration.driven_by])} of "
                    f"{count(calibration.model_steps_per_episode, 'model step')}; positive "
                    f"control {'caught' if monitor.positive_control else 'missing'}",
                    tag(
                        "span",
                        "calibration episodes ",
                        digest(calibration.episodes_digest),
                        class_="beside",
                    ),
                ),
            )
        )
    return rows or [("monitors", "none: nothing raises an alarm")]


def _triggers(view: View) -> Html:
    triggers = view.envelope.revalidation_triggers
    if not triggers:
        return tag("p", "This record names no trigger. Only time ends it.", class_="notice")
    alike: dict[str, list[Trigger]] = {}
    for trigger in triggers:
        key = trigger.model_dump_json(exclude={"field", "reason"})
        alike.setdefault(key, []).append(trigger)
    heads = ["field", "lapses unless", "claims that lapse", "measure again"]
    rows = [_trigger(members, view) for members in alike.values()]
    title = "What ends reliance until it is measured again"
    return table(title, heads, rows, class_="triggers", stacked=True)


def _trigger(alike: Sequence[Trigger], view: View) -> list[Node]:
    first = alike[0]
    lapsing = [claim for claim in view.envelope.claims if claim.id in first.claims]
    brought = None
    if first.brings_in:
        brought = tag("span", "brings in ", view.claim_links(first.brings_in), class_="beside")
    return [
        [tag("p", dotted(t.field), tag("span", t.reason, class_="beside")) for t in alike],
        group(
            first.comparison.replace("_", " "),
            tag("span", "meanwhile ", tag("b", first.meanwhile.replace("_", " ")), class_="beside"),
        ),
        group(view.claims_in_short(lapsing), brought),
        group(", ".join(first.suites) or "–", tag("span", first.acceptance, class_="beside")),
    ]
