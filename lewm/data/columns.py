"""Columns of a data set by name."""

from collections.abc import Container, Iterable

from lewm.errors import LewmError


def require_column(where: object, name: str, there: Container[str], listed: Iterable[str]) -> None:
    """Refuse a column that is not there, and say which are.

    Raises:
        LewmError: there is none of that name.
    """
    if name not in there:
        raise LewmError(
            f"{where} has no column {name}; it holds {', '.join(listed)}",
            next_step="choose one of these",
        )
