"""Tables of a gate's page: base beside candidate, the interface, what decides nothing, models."""

from collections.abc import Sequence

from envelope.records import Measurement, ModelState
from envelope.records.units import unit_word
from reports.gate_view import Compared
from reports.html import Html, Node, group, tag
from reports.parts import details, digest, table
from reports.words import count, mark, number, p_value, scalar, size, with_interval

_STATUS = {
    "non_inferior": ("holds", "no worse"),
    "inferior": ("fails", "worse"),
    "undecided": ("unknown", "undecided"),
    "not_measured": ("hollow", "not measured"),
}
_NAMED_BY = ("monitor", "violation", "horizon")
_INTERFACE = ("latent_displacement", "threshold_ratio", "false_alarms_at_base_threshold")


def compared_table(compared: Sequence[Compared], reported: Sequence[Measurement]) -> Html | None:
    """Every comparison that decides, with the figure of each arm."""
    if not compared:
        return None
    known = [one for one in compared if one.difference is not None]
    open_ = [one for one in compared if one.difference is None]
    heads = ["comparison", "status", "base", "candidate", "difference", "margin", "p (Holm)", "how"]
    rest = None
    if open_:
        rest = details(
            f"Not compared: {len(open_)}",
            table(
                "Comparisons without a difference, with what each arm did by itself",
                ["comparison", "base", "candidate", "margin", "why not"],
                [
                    [
                        one.subject,
                        _arm(one.subject, "base", reported),
                        _arm(one.subject, "candidate", reported),
                        number(one.margin, 2),
                        one.note or "no reason was given",
                    ]
                    for one in open_
                ],
                stacked=True,
            ),
        )
    rows: list[list[Node]] = [
        [
            one.subject,
            _status(one.status),
            _arm(one.subject, "base", reported),
            _arm(one.subject, "candidate", reported),
            with_interval(one.difference, 3),
            number(one.margin, 2),
            "–" if one.p_holm is None else p_value(one.p_holm),
            _evidence(one),
        ]
        for one in known
    ]
    return group(
        tag("h2", "Base and candidate"),
        table("Every comparison that decides", heads, rows, class_="gate", stacked=True)
        if rows
        else None,
        rest,
    )


def _status(status: str) -> Html:
    shape, words = _STATUS.get(status, ("hollow", status))
    return tag("span", mark(shape), tag("b", words), class_=f"verdict {shape}")


def _evidence(one: Compared) -> Node:
    parts = [one.note] if one.note else []
    if one.difference is not None:
        parts.append(f"n {one.difference.episodes}")
    if one.needed is not None:
        parts.append(f"about {scalar(one.needed)} would decide")
    return "; ".join(parts) or "–"


def _arm(subject: str, arm: str, reported: Sequence[Measurement]) -> str:
    """The rate of one arm that a comparison is about."""
    for one in reported:
        if one.condition.get("arm") != arm:
            continue
        names = [str(one.condition[name]) for name in _NAMED_BY if name in one.condition]
        if ".".join([one.quantity, *names]) == subject:
            return with_interval(one.estimate, 2)
    return "–"


def interface_table(reported: Sequence[Measurement]) -> Html | None:
    """How far the latents moved, and what becomes of an alarm if nobody sets it again."""
    found = [one for one in reported if one.quantity in _INTERFACE]
    if not found:
        return None
    rows: list[list[Node]] = [
        [
            one.quantity.replace("_", " "),
            _setting(one),
            with_interval(one.estimate, 3),
            unit_word(one.unit) or "1",
            one.note or "–",
        ]
        for one in found
    ]
    return group(
        tag("h2", "The interface"),
        tag(
            "p",
            "What else reads these latents meets other numbers after a migration. Reported, "
            "deciding nothing.",
            class_="lead",
        ),
        table("Latents and thresholds", ["quantity", "of", "value", "unit", "note"], rows),
    )


def _setting(one: Measurement) -> str:
    return ", ".join(str(value) for key, value in one.condition.items() if key != "arm") or "–"


def reported_table(reported: Sequence[Measurement]) -> Html | None:
    """Everything else that was measured, arm beside arm."""
    arms: dict[tuple[str, str], dict[str, Measurement]] = {}
    for one in reported:
        if one.quantity not in _INTERFACE:
            arm = str(one.condition.get("arm", ""))
            arms.setdefault((one.quantity, _setting(one)), {})[arm] = one
    if not arms:
        return None
    rows: list[list[Node]] = []
    for (quantity, setting), found in arms.items():
        alone = found.get("")
        ends = [found.get("base"), found.get("candidate") or alone]
        rows.append(
            [
                quantity.replace("_", " "),
                setting,
                *("–" if one is None else with_interval(one.estimate, 3) for one in ends),
            ]
        )
    heads = ["quantity", "of", "base", "candidate"]
    return details(
        f"Reported, deciding nothing: {count(len(reported), 'measurement')}",
        table("Both arms by themselves; a better probe is no evidence", heads, rows),
    )


def models_table(base: ModelState, candidate: ModelState) -> Html:
    """Which two models were compared."""

    def files(state: ModelState) -> Node:
        return [tag("p", tag("code", f.path), f", {size(f.size_bytes)}") for f in state.files]

    def groups(state: ModelState, name: str) -> Node:
        return digest(state.groups[name]) if name in state.groups else "–"

    def tuning(state: ModelState) -> Node:
        steps = [tag("li", step) for step in state.tuning]
        return tag("ol", steps) if steps else "none: as trained"

    rows: list[list[Node]] = [
        ["files", files(base), files(candidate), ""],
        [
            "tensors",
            digest(base.tensor_digest),
            digest(candidate.tensor_digest),
            _same(base.tensor_digest, candidate.tensor_digest),
        ],
        *(
            [
                name,
                groups(base, name),
                groups(candidate, name),
                _same(base.groups.get(name), candidate.groups.get(name)),
            ]
            for name in dict.fromkeys([*base.groups, *candidate.groups])
        ),
        ["adapter", base.adapter, candidate.adapter, _same(base.adapter, candidate.adapter)],
        [
            "parameters",
            scalar(base.num_parameters),
            scalar(candidate.num_parameters),
            _same(base.num_parameters, candidate.num_parameters),
        ],
        ["tuning", tuning(base), tuning(candidate), ""],
    ]
    heads = ["of", "base", "candidate", "the same"]
    return group(tag("h2", "The two models"), table("By digest", heads, rows, stacked=True))


def _same(one: object, other: object) -> str:
    return "yes" if one == other else "no"
