"""Times of day in records: RFC 3339, in UTC, to the second or finer."""

from datetime import UTC, datetime

from envelope.errors import BadFile


def parse_time(text: str, what: str) -> datetime:
    """A time with its zone.

    Raises:
        BadFile: not RFC 3339 ending in Z; `what` is what messages call it.
    """
    try:
        if not text.endswith("Z"):
            raise ValueError
        return datetime.fromisoformat(text)
    except ValueError:
        raise BadFile(
            f"{what} is {text!r}, which is not a time such as 2026-01-05T10:00:00Z",
            next_step="restore the file as it was written, or draft the record again",
        ) from None


def time_text(time: datetime) -> str:
    """The same, to the second, as records write it."""
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
