"""Reading rows back: from cells to arrays, and from missing evidence to a measurement without one.

No model and no torch: everything that recomputes summaries rests on this module.
"""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from envelope.records import Cell, Estimate, Measurement, Scalar
from perturbations.statistics import stats


def select(cells: Iterable[Cell], suite: str, **condition: Scalar) -> list[Cell]:
    """Cells of a suite whose condition has these values, crashed ones included, in order."""
    return [
        cell
        for cell in cells
        if cell.suite == suite
        and all(cell.condition.get(key) == value for key, value in condition.items())
    ]


def numbers(cell: Cell, column: str) -> NDArray[np.float64]:
    """A column of numbers, (N,).

    Raises:
        ValueError: there is no such column, or it has gaps.
    """
    values = cell.rows.get(column)
    if values is None or any(value is None or isinstance(value, str) for value in values):
        raise ValueError(f"cell {cell.suite} {cell.condition} has no numbers in {column!r}")
    return np.array(values, dtype=np.float64)


def outcomes(cell: Cell, column: str = "success") -> NDArray[np.bool_]:
    """A column of true and false, (N,)."""
    values = cell.rows.get(column)
    if values is None or not all(isinstance(value, bool) for value in values):
        raise ValueError(f"cell {cell.suite} {cell.condition} has no outcomes in {column!r}")
    return np.array(values, dtype=bool)


def share(hits: NDArray[np.bool_]) -> tuple[Estimate | None, str]:
    """Exact interval for a share of episodes, or None and why."""
    if len(hits) < 2:
        return None, f"{len(hits)} episodes have no interval"
    return stats.clopper_pearson(int(hits.sum()), len(hits)), ""


def trouble(cells: Iterable[Cell]) -> str:
    """What keeps these cells from being summarised; empty when nothing does."""
    listed = list(cells)
    if not listed:
        return "not run"
    for cell in listed:
        if cell.status == "crashed":
            return f"crashed: {cell.error}"
        if not cell.rows or not len(next(iter(cell.rows.values()))):
            return "no rows"
    return ""


def measurement(
    suite: str,
    quantity: str,
    condition: Mapping[str, Scalar],
    estimate: Estimate | None,
    *,
    unit: str = "1",
    p_holm: float | None = None,
    note: str = "",
) -> Measurement:
    """A measurement; without an estimate it says why in `note`."""
    if estimate is None and not note:
        note = "too few episodes for an interval"
    return Measurement(
        suite=suite,
        quantity=quantity,
        unit=unit,
        condition=dict(condition),
        estimate=estimate,
        p_holm=p_holm,
        note=note,
    )
