"""Estimates in the order of a setting."""

from collections.abc import Sequence

from envelope.records import Estimate, Measurement, Scalar


def number_of(value: Scalar | None) -> float | None:
    """A setting as a number, if it is one."""
    return float(value) if isinstance(value, (int, float)) else None


def along(rows: Sequence[Measurement], key: str) -> list[tuple[float, Estimate]]:
    """Estimates ordered by a numeric setting; rows without either are left to the table."""
    found = [(number_of(m.condition.get(key)), m.estimate) for m in rows]
    return sorted(
        ((x, e) for x, e in found if x is not None and e is not None), key=lambda point: point[0]
    )
