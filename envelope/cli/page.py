"""A page beside a record: which record it says it shows."""

import re
from pathlib import Path

from envelope.errors import DigestMismatch

_DIGEST = re.compile(rb'<meta name="record-digest" content="sha256:([0-9a-f]{64})">')
"""As `reports.document` writes it."""


def require_page_of(path: Path, page: bytes, digest: str, *, next_step: str) -> None:
    """Hold a page to the record that it must show.

    Args:
        path: of the page, for messages.
        page: its bytes.
        digest: of the record, which is also the id of its attestation.
        next_step: what to do if it shows another.

    Raises:
        DigestMismatch: it names another record, none, or several.
    """
    named = [found.decode() for found in _DIGEST.findall(page)]
    if named != [digest]:
        shown = ", ".join(one[:12] for one in named) or "none"
        raise DigestMismatch(
            f"{path} is not the page of this record: the record's digest is {digest[:12]}, the "
            f"page names {shown}",
            next_step=next_step,
        )
