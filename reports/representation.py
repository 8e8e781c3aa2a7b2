"""Representation: what the latents hold, and what a planner can follow in them."""

from envelope.records import Estimate, Measurement
from reports.along import along, number_of
from reports.evidence import evidence
from reports.html import Html, Node, group, tag
from reports.parts import details, not_measured, section, table, verdict_lines
from reports.svg import Panel, Row, chart, domain_of, dot_rows, rounded
from reports.view import View
from reports.words import p_value, short, with_interval

SUITE = "representation"
_TESTS = {"epps_pulley": "Epps and Pulley (the shape)", "tails": "tails (far draws)"}


def representation(view: View) -> Html:
    """The section on collapse (F3) and on dimension and geometry (F1)."""
    claims = view.claims_under(SUITE)
    body: Node = not_measured("what the latents hold.")
    if view.of_suite(SUITE):
        body = group(
            tag(
                "div",
                _dimensions(view),
                _geometry(view),
                _nuisance_share(view),
                _spectrum(view),
                class_="figures",
            ),
            _normality(view),
            _probes(view),
            evidence(view, [SUITE]),
        )
    return section(
        "representation",
        view.number("representation"),
        "Representation",
        "What do the latents hold: is there enough of the world in them, and little else? A "
        "symptom is reported, no cause asserted.",
        verdict_lines(claims, view),
        body,
        claims=claims,
        said=_said(view),
    )


def _value(view: View, quantity: str, **condition: str) -> Estimate | None:
    return view.estimate(SUITE, quantity, **condition)


def _said(view: View) -> str:
    if not view.of_suite(SUITE):
        return "Not measured."
    parts = []
    if rank := _value(view, "effective_rank"):
        parts.append(f"effective rank {rounded(rank.value)}")
    if order := _value(view, "distance_rank"):
        words = f"latent distance ranks states with {rounded(order.value)}"
        end = _value(view, "distance_rises_to")
        if end is not None and order.low > 0:
            words += f", reaching nine tenths of its top at {short(end.value)}"
        parts.append(words)
    if answer := _value(view, "action_sensitivity"):
        parts.append(f"imagined answers follow {rounded(answer.value)} of the real ones")
    shares = _shares(view)
    if shares:
        name, most = shares[0]
        parts.append(f"{name} makes up {rounded(most.value)} of latent variance")
    words = "; ".join(parts)
    return words[:1].upper() + words[1:] + "." if words else "Measured without an estimate."


def _dimensions(view: View) -> Html:
    needed = view.envelope.criteria.effective_rank_at_least
    rows = [
        Row(
            "effective rank",
            _value(view, "effective_rank"),
            "model",
            limit=(needed, f"required {short(needed)}"),
        ),
        Row(
            "intrinsic dimension, latents",
            _value(view, "intrinsic_dimension", of="latents"),
            "model",
        ),
        Row(
            "intrinsic dimension, the world's states",
            _value(view, "intrinsic_dimension", of="states"),
            "reference",
        ),
    ]
    known = [row.estimate.high for row in rows if row.estimate]
    return _figure(
        "representation-dimensions",
        "Dimensions",
        " that the latents use, and that the world has.",
        rows,
        (0.0, domain_of([needed, *known])),
    )


def _geometry(view: View) -> Html:
    criteria = view.envelope.criteria
    order, response = criteria.distance_rank_at_least, criteria.action_sensitivity_at_least
    rows = [
        Row(
            "rank of latent with true distance",
            _value(view, "distance_rank"),
            "model",
            limit=(order, f"required {short(order)}"),
        ),
        Row(
            "answer to another action",
            _value(view, "action_sensitivity"),
            "model",
            limit=(response, f"required {short(response)}"),
        ),
        Row("straightness of lawful episodes", _value(view, "straightness"), "reference"),
        Row("same frame twice, same latent", _value(view, "steady", seen="twice"), "model"),
        Row("alone as in a batch, same latent", _value(view, "steady", seen="together"), "model"),
    ]
    ends = [e for row in rows if (e := row.estimate)]
    words = " 95 % interval."
    for rises in view.find(SUITE, "distance_rises_to"):
        if rises.estimate:
            words = (
                f" At a true distance of {with_interval(rises.estimate, 1)}, in the world's units, "
                f"latent distance has reached {rises.note}. Where that is far less, farther is "
                "hardly shown as farther."
            )
    return _figure(
        "representation-geometry",
        "What a planner follows",
        words,
        rows,
        (min([0.0, *(e.low for e in ends)]), domain_of(e.high for e in ends)),
    )


def _shares(view: View) -> list[tuple[str, Estimate]]:
    """Share of latent variance by nuisance, the largest first."""
    found = [
        (str(m.condition.get("nuisance", "a nuisance")).replace("_", " "), m.estimate)
        for m in view.find(SUITE, "nuisance_share", of="all")
        if m.estimate is not None
    ]
    return sorted(found, key=lambda item: (-item[1].value, item[0]))


def _nuisance_share(view: View) -> Html:
    leading: dict[str, list[float]] = {}
    for component in ("first_component", "second_component", "third_component"):
        for m in view.find(SUITE, "nuisance_share", of=component):
            name = str(m.condition.get("nuisance", "")).replace("_", " ")
            if m.estimate is not None:
                leading.setdefault(name, []).append(m.estimate.value)
    rows = [Row(name, found, "model", leading.get(name, ())) for name, found in _shares(view)]
    caption = (
        " that each nuisance makes up, all at the same half of their ranges and over all their "
        "directions; the rest is the state's. Ticks are its shares of the first three components."
    )
    if not rows:
        return _missing("Share of latent variance", caption)
    return group(
        _figure("representation-nuisances", "Share of latent variance", caption, rows, (0.0, 1.0)),
        _in_env_steps(view),
    )


def _in_env_steps(view: View) -> Html | None:
    found = sorted(
        (m for m in view.find(SUITE, "nuisance_in_env_steps") if m.estimate is not None),
        key=lambda m: (-m.estimate.value if m.estimate else 0.0, m.id),
    )
    if not found:
        return None
    rows = [
        Row(str(m.condition.get("nuisance", "a nuisance")).replace("_", " "), m.estimate, "model")
        for m in found
    ]
    return _figure(
        "representation-nuisance-moves",
        "Moves by a nuisance",
        " of the latent at the same strength, in moves of one env step under random actions.",
        rows,
        (0.0, domain_of(m.estimate.high for m in found if m.estimate)),
    )


def _spectrum(view: View) -> Html:
    points = along(view.find(SUITE, "variance_share"), "component")
    spread = {end: _value(view, "dimension_std", dimension=end) for end in ("smallest", "largest")}
    words = " of latent variance by principal component."
    if all(spread.values()):
        words += (
            f" Spread of a single dimension: {with_interval(spread['smallest'])} the smallest, "
            f"{with_interval(spread['largest'])} the largest."
        )
    if not points:
        return _missing("Spectrum: share", words)
    last = points[-1][0]
    panel = Panel.at(30, 150, (0.4, last + 0.6), (0.0, domain_of(e.high for _, e in points)), 14.0)
    text = "; ".join(f"{short(x)}: {rounded(e.value)}" for x, e in points)
    drawing = chart(
        "representation-spectrum",
        "Spectrum of the latents",
        f"Share of variance by component: {text}.",
        224,
        panel.grid("share of variance"),
        [panel.dot(x, e, f"component {short(x)}", "model", "disc") for x, e in points],
        panel.foot([x for x, _ in points], "principal component"),
    )
    return tag("figure", tag("figcaption", tag("b", "Spectrum: share"), words), drawing)


def _normality(view: View) -> Html | None:
    found = view.find(SUITE, "normality")
    if not found:
        return None
    rows = [
        (
            _TESTS.get(str(m.condition.get("test")), str(m.condition.get("test", "test"))),
            "–" if m.p_holm is None else p_value(m.p_holm),
            m.note,
        )
        for m in found
    ]
    return table(
        "Are latents normal, as a regulariser wants? A small p says no: by itself no defect",
        ["test", "p (Holm)", "how"],
        rows,
    )


def _probes(view: View) -> Html | None:
    found = view.find(SUITE, "probe_r2")
    if not found:
        return None
    rows = [Row(_probe(m), m.estimate, "reference") for m in found]
    low = min([0.0, *(m.estimate.low for m in found if m.estimate)])
    return details(
        "Probes, secondary: what can be read out, not what a planner can use",
        tag(
            "div",
            _figure(
                "representation-probes",
                "Probes",
                " explained share of the state's coordinates on held-out states. They decide "
                "nothing here.",
                rows,
                (max(low, -1.0), 1.0),
            ),
            class_="figures",
        ),
    )


def _probe(m: Measurement) -> str:
    column = number_of(m.condition.get("state_column"))
    where = "" if column is None else f", coordinate {short(column)}"
    return f"{m.condition.get('probe', 'probe')}{where}"


def _figure(slug: str, name: str, words: str, rows: list[Row], domain: tuple[float, float]) -> Html:
    said = "; ".join(
        f"{row.name} {rounded(row.estimate.value) if row.estimate else 'not measured'}"
        for row in rows
    )
    drawing = dot_rows(slug, name, f"{said}.", rows, domain)
    return tag("figure", tag("figcaption", tag("b", name), words), drawing)


def _missing(name: str, words: str) -> Html:
    return tag(
        "figure",
        tag("figcaption", tag("b", name), words),
        not_measured(f"{name.lower()}."),
    )
