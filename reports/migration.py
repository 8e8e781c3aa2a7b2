"""The gate's decision as a page: may this candidate take its base's place, and what would decide?

Nothing is decided here: every word of status is the record's.
"""

from collections.abc import Mapping, Sequence

from envelope.records import ModelState
from reports.document import digest_of, document
from reports.gate_view import Compared, Gate
from reports.html import Html, Node, group, tag
from reports.migration_tables import compared_table, interface_table, models_table, reported_table
from reports.svg import Row, dot_rows, rounded
from reports.words import count, mark, moment, number

_DECIDED = {
    "accept": ("holds", "Accept", "The candidate may take its base's place."),
    "revert": ("fails", "Revert", "The candidate was shown to be worse. Keep the base."),
    "undecided": (
        "unknown",
        "Undecided",
        "Neither harm nor its absence was shown. Keep the base until it is decided.",
    ),
}
_CODES = {
    "non_inferior": "no worse",
    "same_model": "the same model",
    "inferior": "worse",
    "undecided": "undecided",
    "not_measured": "not measured",
}
_HIGHER_IS_WORSE = ("false_alarms",)


def page(gate: Gate) -> bytes:
    """Render a gate's record as one self-contained HTML file; the same record, the same bytes.

    Args:
        gate: an `envelope.gate.Gate`.

    Returns:
        The page, UTF-8.

    Raises:
        EnvelopeError: a number in the record has no canonical form.
    """
    digest = digest_of(gate.model_dump(mode="json"))
    shape, word, _ = _DECIDED[gate.decision]
    return document(
        f"Migration gate: {word.lower()} {_file(gate.candidate)}",
        digest,
        tag("a", "Skip to the decision", href="#decision", class_="skip"),
        tag(
            "div",
            _header(gate),
            tag(
                "main",
                _decision(gate, shape, word),
                _differences(gate),
                compared_table(gate.compared, gate.reported),
                interface_table(gate.reported),
                reported_table(gate.reported),
                models_table(gate.base, gate.candidate),
                _boundary(gate),
            ),
            class_="page single",
        ),
        tag(
            "footer",
            tag("p", "A gate says what was compared on these cases. It proves no model safe."),
            tag(
                "p",
                f"{gate.tool.name} {gate.tool.version} · record ",
                tag("code", digest, class_="digest"),
            ),
        ),
    )


def _file(state: ModelState) -> str:
    return state.files[0].path if state.files else state.tensor_digest[:12]


def _header(gate: Gate) -> Html:
    planner = gate.planner_scope
    search = f"{planner.algorithm} {planner.num_samples}\u2009×\u2009{planner.iterations}"
    facts: list[tuple[str, Node]] = [
        ("measured", moment(gate.measured_at)),
        ("world", tag("b", gate.world)),
        ("planner", tag("b", f"{search}, horizon {planner.horizon}")),
        ("profile", tag("b", gate.profile)),
        ("closed-loop cases", tag("b", f"{gate.num_cases_run} of {gate.num_cases}")),
        ("base", tag("code", gate.base.tensor_digest[:12])),
        ("candidate", tag("code", gate.candidate.tensor_digest[:12])),
        ("seed", f"{gate.seed}, from both models" if gate.is_fresh else str(gate.seed)),
    ]
    return tag(
        "header",
        tag("p", "Migration gate", class_="kicker"),
        tag("h1", f"{_file(gate.candidate)} in the place of {_file(gate.base)}"),
        tag(
            "dl",
            [tag("div", tag("dt", name), tag("dd", value)) for name, value in facts],
            class_="facts",
        ),
    )


def _decision(gate: Gate, shape: str, word: str) -> Html:
    lines = [
        tag(
            "li",
            mark(
                {"non_inferior": "holds", "same_model": "holds", "inferior": "fails"}.get(
                    one.code, "unknown" if one.code == "undecided" else "hollow"
                )
            ),
            tag("b", f"{one.subject}: "),
            f"{_CODES.get(one.code, one.code)}. {one.message}",
        )
        for one in gate.reasons
    ]
    return tag(
        "section",
        tag(
            "div",
            tag("h2", mark(shape), word, class_="decided"),
            tag("p", _DECIDED[gate.decision][2]),
            class_=f"tally {shape}",
        ),
        tag("p", _sentence(gate), class_="sentence"),
        tag("h3", "Why", class_="unseen"),
        tag("ul", lines, class_="marks named"),
        _remarks(gate),
        _next(gate),
        id="decision",
        class_="front",
    )


def _sentence(gate: Gate) -> str:
    if not gate.compared:
        return "Nothing was compared."
    told = {
        words: sum(one.status == status for one in gate.compared)
        for status, words in _CODES.items()
    }
    parts = [f"{num} {words}" for words, num in told.items() if num]
    return f"Of {count(len(gate.compared), 'comparison')}: {', '.join(parts)}."


def _remarks(gate: Gate) -> Html | None:
    """What is odd, and decides nothing."""
    if not gate.remarks:
        return None
    items = [tag("li", tag("code", one.code), f": {one.message}.") for one in gate.remarks]
    return tag(
        "section", tag("h3", "Remarks, which decide nothing"), tag("ul", items), class_="card"
    )


def _next(gate: Gate) -> Html:
    """What would decide, where something is open."""
    needed: dict[str, int] = {}
    for one in gate.compared:
        option = "--cases" if one.kind == "success" else "--episodes"
        if one.needed is not None:
            needed[option] = max(one.needed, needed.get(option, 0))
    notes: dict[str, list[str]] = {}
    for one in gate.compared:
        if one.status == "not_measured":
            notes.setdefault(one.note or "no reason was given", []).append(one.subject)
    items: list[Node] = [
        group(tag("b", f"{count(len(names), 'comparison')} not measured"), f": {why}")
        for why, names in notes.items()
    ]
    if needed:
        options = " ".join(f"{option} {num}" for option, num in sorted(needed.items()))
        words = " would decide what is undecided, at the rates seen so far."
        items.insert(0, group("About ", tag("code", options), words))
    if not items:
        items = [
            "No number of cases would decide what is open, at the rates seen so far."
            if gate.decision == "undecided"
            else "Nothing stayed open."
        ]
    title = "What would decide" if gate.decision == "undecided" else "What stayed open"
    return tag(
        "section",
        tag("h3", title),
        tag("ul", [tag("li", item) for item in items]),
        class_="card",
    )


def _differences(gate: Gate) -> Html | None:
    kinds: dict[str, list[Compared]] = {}
    for one in gate.compared:
        if one.difference is not None:
            kinds.setdefault(one.kind, []).append(one)
    if not kinds:
        return None
    figures = [_figure(kind, members) for kind, members in kinds.items()]
    lead = (
        "The stroke is the margin: accepted needs the whole interval on the harmless side of it; "
        "reverted needs the harm itself to be shown."
    )
    return group(
        tag("h2", "Candidate less base"),
        tag("p", lead, class_="lead"),
        tag("div", figures, class_="figures"),
    )


_NAMES: Mapping[str, str] = {
    "success": "Success",
    "detection": "Detection of violations",
    "false_alarms": "False alarms",
    "usable_horizon": "Usable horizon",
}


def _figure(kind: str, members: Sequence[Compared]) -> Html:
    up = kind in _HIGHER_IS_WORSE
    rows = [
        Row(
            _called(one),
            one.difference,
            "model",
            (),
            (
                one.margin if up else -one.margin,
                f"margin {'+' if up else '−'}{number(one.margin, 2)}" if place == 0 else "",
            ),
        )
        for place, one in enumerate(members)
    ]
    ends = [abs(end) for one in members if (e := one.difference) for end in (e.low, e.high)]
    most = max([members[0].margin * 1.5, *(min(end, 1e300) for end in ends)]) * 1.06
    said = "; ".join(f"{row.name} {rounded(row.estimate.value)}" for row in rows if row.estimate)
    drawing = dot_rows(f"gate-{kind}", _NAMES.get(kind, kind), f"{said}.", rows, (-most, most))
    better = "left is better" if up else "right is better"
    words = f" paired on the same cases, 95 % interval; {better}."
    return tag("figure", tag("figcaption", tag("b", _NAMES.get(kind, kind)), words), drawing)


def _called(one: Compared) -> str:
    name = one.subject.removeprefix(f"{one.kind}.").replace("_", " ")
    return f"of {name} model steps" if one.kind == "usable_horizon" else name


def _boundary(gate: Gate) -> Html:
    margins = gate.margins
    items = [
        "That either model is safe, certified or fit for a purpose.",
        f"Anything about another world or planner than {gate.world} with the base's.",
        "Why a candidate is worse. Probes, latent errors and how far latents moved decide nothing.",
        f"That losses within the margins do not matter: {number(margins.success, 2)} of success, "
        f"{number(margins.detection, 2)} of detection, {number(margins.false_alarms, 2)} of false "
        f"alarms, {number(margins.usable_horizon, 2)} of the planner's horizon were called "
        "harmless beforehand.",
    ]
    return tag(
        "section",
        tag("h2", "What this page does not say"),
        tag("ul", [tag("li", item) for item in items]),
        class_="card boundary",
    )
