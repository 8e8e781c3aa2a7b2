"""The page: sections in order, one style sheet, a content policy that forbids the network."""

from collections.abc import Callable

from envelope.errors import EnvelopeError
from envelope.records import Envelope, Measurements
from reports.check import check
from reports.claims import claims
from reports.closing import suites, unmeasured
from reports.cost import cost
from reports.document import digest_of, document
from reports.drift import drift
from reports.exploitation import exploitation
from reports.fields import fields
from reports.frames import fitting, sheet
from reports.front import cards, header, verdicts
from reports.html import Html, tag
from reports.joint import joint
from reports.monitors import monitors
from reports.nuisance import nuisances
from reports.order import order
from reports.planning import planning
from reports.representation import representation
from reports.view import View
from reports.worst_case import worst_case

LIMIT_BYTES = 1_000_000
"""Largest page; pictures that would exceed it are left out, and the page says how many."""

SECTIONS: tuple[tuple[str, str, Callable[[View], Html]], ...] = (
    ("scope", "The five fields", fields),
    ("order", "Working order", order),
    ("planning", "Planning", planning),
    ("representation", "Representation", representation),
    ("cost", "Cost", cost),
    ("nuisance", "Nuisances", nuisances),
    ("joint", "Several at once", joint),
    ("worst-case", "Worst case", worst_case),
    ("blind-spots", "Monitors", monitors),
    ("exploitation", "Exploitation", exploitation),
    ("drift", "Drift", drift),
    ("not-measured", "Not measured", unmeasured),
    ("claims", "Claims in full", claims),
    ("suites", "Suites", suites),
    ("check", "How to check", check),
)
"""Anchor, words of the contents, and what draws the section."""


NUMBERS = {anchor: str(place) for place, (anchor, _, _) in enumerate(SECTIONS, start=1)}


def record_digest(envelope: Envelope) -> str:
    """SHA-256 of the canonical JSON (RFC 8785) of a record, in hexadecimal.

    Raises:
        EnvelopeError: a number in the record has no canonical form.
    """
    return digest_of(envelope.model_dump(mode="json"))


def render(envelope: Envelope, measurements: Measurements) -> bytes:
    """Render one record as one self-contained HTML file.

    The same record gives the same bytes: no clock, host, user or path enters. Figures and verdicts
    are the record's; the measurements give the pictures, the crashed cells and the plan.

    Args:
        envelope: the record.
        measurements: what the record was drafted from.

    Returns:
        The page, UTF-8.

    Raises:
        EnvelopeError: the measurements are of another model or world than the record.
    """
    _same_run(envelope, measurements)
    digest = record_digest(envelope)
    bare = _page(View(envelope, measurements, [], digest, NUMBERS))
    room = LIMIT_BYTES - len(bare)
    pictures = fitting(measurements.pictures, room)
    if not pictures:
        return bare
    return _page(View(envelope, measurements, pictures, digest, NUMBERS))


def _same_run(envelope: Envelope, measurements: Measurements) -> None:
    pairs = (
        ("model", envelope.model_state.tensor_digest, measurements.model_state.tensor_digest),
        ("world", envelope.input_scope.world, measurements.world),
        ("seed", envelope.seed, measurements.plan.seed),
    )
    for what, recorded, given in pairs:
        if recorded != given:
            raise EnvelopeError(
                f"the record is about {what} {recorded}, the measurements about {what} {given}",
                next_step="pass the measurements that the record was drafted from, or run "
                "`envelope draft` on these",
            )


def _page(view: View) -> bytes:
    world = view.envelope.input_scope.world
    return document(
        f"Validity envelope: {view.envelope.model_state.adapter} in {world}",
        view.digest,
        sheet(view.pictures),
        tag("a", "Skip to the verdicts", href="#verdicts", class_="skip"),
        tag(
            "div",
            header(view),
            _contents(),
            tag(
                "main",
                verdicts(view),
                cards(view),
                [draw(view) for _, _, draw in SECTIONS],
                _left_out(view),
            ),
            class_="page",
        ),
        _footer(view),
    )


def _contents() -> Html:
    links = [
        tag("li", tag("a", words, href=f"#{anchor}"))
        for anchor, words in (("verdicts", "Verdicts"), *((a, w) for a, w, _ in SECTIONS))
    ]
    return tag(
        "nav",
        tag("details", tag("summary", "Contents"), tag("ol", links)),
        aria_label="Contents",
    )


def _left_out(view: View) -> Html | None:
    missing = len(view.measurements.pictures) - len(view.pictures)
    if not missing:
        return None
    words = (
        f"{missing} of {len(view.measurements.pictures)} frames are left out to keep this page "
        "within one megabyte; they are in measurements.json."
    )
    return tag("p", words, class_="notice")


def _footer(view: View) -> Html:
    record = view.envelope
    return tag(
        "footer",
        tag(
            "p",
            "This report says what was observed, where, and with what doubt. It does not say that "
            "the model is safe, certified or fit for a purpose.",
        ),
        tag(
            "p",
            f"{record.tool.name} {record.tool.version} · record ",
            tag("code", view.digest, class_="digest"),
        ),
    )
