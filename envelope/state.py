"""The state machine of a record: are we still inside what was measured?

    valid ──▶ partly_lapsed ──▶ lapsed      a field left the envelope, and some or all of the
      │                                     claims that held no longer do
      └─────▶ expired · superseded · revoked

Only a new measurement leads back.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Literal

from envelope.records import Envelope
from envelope.times import parse_time

State = Literal["valid", "partly_lapsed", "lapsed", "expired", "superseded", "revoked"]
Standing = Literal["current", "superseded", "revoked"]
"""What was said about the record from outside of it."""


def state_of(
    envelope: Envelope,
    *,
    now: datetime,
    lapsed: Collection[str] = (),
    standing: Standing = "current",
) -> State:
    """The state of a record, the gravest reason first.

    Args:
        envelope: the record.
        now: with a time zone.
        lapsed: ids of claims that a changed field took away.
        standing: whether another record took its place, or it was withdrawn.

    Raises:
        BadFile: `valid_until` is not a time.
    """
    if standing != "current":
        return standing
    if now >= parse_time(envelope.valid_until, "valid_until"):
        return "expired"
    held = {claim.id for claim in envelope.claims if claim.verdict == "holds"}
    if not lapsed:
        return "valid"
    return "lapsed" if held <= set(lapsed) else "partly_lapsed"
