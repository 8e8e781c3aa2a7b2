"""How far each nuisance class was seen to leave success alone: the box that joint cells draw from.

The rule is that of the claims (envelope/claims/nuisance.py), applied to the rows of the run itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from envelope.records import Cell, Criteria, Range, Scalar
from perturbations.cells import rows
from perturbations.nuisances.classes import find
from perturbations.nuisances.mixture import Change
from perturbations.statistics import stats
from perturbations.suites import planning

if TYPE_CHECKING:
    from perturbations.protocols import World

_SHIFTED = "nuisance_shift"


@dataclass(frozen=True)
class Extent:
    """Amounts of one class, on both sides of nominal."""

    nuisance: str
    unit: str
    nominal: float
    low: float
    high: float
    is_admitted: bool = True
    """False where no amount left success alone; it then ends at the smallest amount that ran."""

    def scaled(self, scale: float) -> "Extent":
        """The same class, this share of the way from nominal to its ends."""
        part = Range(low=self.low, high=self.high).shrunk(self.nominal, scale)
        return replace(self, low=part.low, high=part.high)

    def condition(self) -> dict[str, Scalar]:
        """Its two ends, as the condition of a cell about several classes holds them."""
        return {f"low.{self.nuisance}": self.low, f"high.{self.nuisance}": self.high}

    def ends(self, world: "World") -> list[Change]:
        """In every direction that leads anywhere, how far it goes."""
        nuisance, found = find(self.nuisance), []
        for direction in nuisance.directions(world):
            full = nuisance.amount(world, direction, 1.0)
            end = min(max(full, self.low), self.high)
            if end != self.nominal:
                found.append(Change(self.nuisance, direction, end, self.nominal))
        return found


def box(cells: Sequence[Cell], criteria: Criteria) -> dict[str, Extent]:
    """The admitted amounts of every class that has any off nominal.

    Args:
        cells: of a run, with the clean closed-loop cells and all shifted ones.
        criteria: say which drop is harmless.
    """
    found = {name: extent for name, extent in _extents(cells, criteria) if extent.is_admitted}
    return {name: found[name] for name in criteria.nuisances if name in found}


def searched(cells: Sequence[Cell], criteria: Criteria) -> dict[str, Extent]:
    """As `box`, with the classes of which no amount is admitted."""
    return dict(_extents(cells, criteria))


def _extents(cells: Sequence[Cell], criteria: Criteria) -> Iterable[tuple[str, Extent]]:
    clean = planning.clean_model_cells(cells)
    for name in criteria.nuisances:
        own = rows.select(cells, _SHIFTED, loop="closed", nuisance=name)
        if not own:
            continue
        nominal, unit = float(own[0].condition["nominal"]), str(own[0].condition["unit"])
        harmless = {cell.id: is_harmless(clean, cell, criteria) for cell in own}
        low = _edge([c for c in own if _amount(c) <= nominal], nominal, harmless)
        high = _edge([c for c in own if _amount(c) >= nominal], nominal, harmless)
        if low < high:
            yield name, Extent(name, unit, nominal, low, high)
        elif moved := [a for a in map(_amount, own) if a != nominal]:
            ends = sorted((nominal, min(moved, key=lambda amount: abs(amount - nominal))))
            yield name, Extent(name, unit, nominal, ends[0], ends[1], is_admitted=False)


def _edge(cells: Iterable[Cell], nominal: float, harmless: Mapping[str, bool]) -> float:
    def distance(cell: Cell) -> float:
        return abs(_amount(cell) - nominal)

    edge = nominal
    for _, group in groupby(sorted(cells, key=distance), key=distance):
        same = list(group)
        if not all(harmless[cell.id] for cell in same):
            break
        edge = _amount(same[0])
    return edge


def is_harmless(clean: Sequence[Cell], cell: Cell, criteria: Criteria) -> bool:
    """Whether a closed-loop cell left success alone, by the end of the interval of its drop."""
    if rows.trouble([cell]):
        return False
    before, _ = planning.paired_with(clean, cell, "success")
    if before is None or len(before) < 2:
        return False
    drop = stats.paired_difference(before, rows.outcomes(cell))
    return drop.high <= criteria.max_success_drop


def _amount(cell: Cell) -> float:
    return float(cell.condition["amount"])
