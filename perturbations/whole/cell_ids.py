"""Was each cell measured on what the measurements name? The id of a cell is the digest of it."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from envelope.records import Cell, Plan
from perturbations.cells.runner import CellKey
from perturbations.setting import NEEDED_DIGESTS

_CHOSEN = tuple(name for name in NEEDED_DIGESTS if name != "evaluator")
"""Digests that the rows of a cell depend on or not; every other counts for every cell."""


def foreign_cell(cells: Sequence[Cell], plan: Plan, identity: Mapping[str, str]) -> str:
    """Name of a cell that was measured on something else; empty when there is none.

    Args:
        cells: of one run.
        plan: their seed and planner streams.
        identity: digests of what they were measured on, as the bench had them.
    """
    foreign = (cell for cell in cells if cell.id not in set(_ids(cell, plan, identity)))
    return next((f"{cell.suite} {dict(cell.condition)}" for cell in foreign), "")


def _ids(cell: Cell, plan: Plan, identity: Mapping[str, str]) -> Iterator[str]:
    """Every id that a cell of this kind can have on that basis."""
    streams = [(), tuple(range(plan.num_streams)), *((one,) for one in range(plan.num_streams))]
    for left_out in _left_out():
        basis = {name: digest for name, digest in identity.items() if name not in left_out}
        for used in streams:
            yield CellKey(
                suite=cell.suite,
                arm=cell.arm,
                condition=cell.condition,
                cases=cell.cases,
                seed=plan.seed,
                streams=used,
                identity=basis,
            ).id


def _left_out() -> Iterator[tuple[str, ...]]:
    for number in range(len(_CHOSEN) + 1):
        yield from combinations(_CHOSEN, number)
