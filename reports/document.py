"""One self-contained HTML file: one style sheet, a content policy that forbids the network."""

import base64
import hashlib
from functools import cache
from importlib.resources import files

from envelope.errors import EnvelopeError
from envelope.strict import canonical
from reports.html import Html, Node, tag
from reports.marks import sprite


def digest_of(record: object) -> str:
    """SHA-256 of the canonical JSON (RFC 8785) of plain data, in hexadecimal.

    Raises:
        EnvelopeError: a number in it has no canonical form.
    """
    try:
        written = canonical(record)
    except ValueError as problem:
        raise EnvelopeError(
            f"the record has no canonical form: {problem}",
            next_step="keep every integer of the record within 2**53, such as the seed",
        ) from problem
    return hashlib.sha256(written).hexdigest()


def document(title: str, digest: str, *body: Node) -> bytes:
    """A whole page, UTF-8.

    Args:
        title: of the window.
        digest: of the record that it shows; programs find it in a meta element.
        body: what is on it.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy()),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="record-digest", content=f"sha256:{digest}"),
        tag("link", rel="icon", href="data:,"),
        tag("title", title),
        Html(f"<style>{_style()}</style>"),
    )
    page = tag("html", head, tag("body", sprite(), *body), lang="en")
    return ("<!doctype html>\n" + page.markup + "\n").encode()


@cache
def _style() -> str:
    sheet = files("reports").joinpath("report.css").read_text(encoding="utf-8")
    lines = [line.strip() for line in sheet.splitlines() if not line.startswith("/*")]
    text = "".join(lines)
    for spaced in (" {", "{ ", "; ", " }"):
        text = text.replace(spaced, spaced.strip())
    return text


def _policy() -> str:
    hashed = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{hashed}'; "
        "base-uri 'none'; form-action 'none'"
    )
