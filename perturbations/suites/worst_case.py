"""Worst case."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from envelope.records import (
    JOINT_SCALES,
    CalibratedMonitor,
    Cell,
    Criteria,
    Measurement,
    Scalar,
)
from perturbations.cells import rows
from perturbations.statistics import bootstrap
from perturbations.suites import admitted, planning
from perturbations.suites.admitted import Extent
from perturbations.suites.break_search import NUM_BISECTIONS, NUM_TRIES, search
from perturbations.suites.joint import LOOP as JOINT
from perturbations.suites.joint import has_several, reached, scaled
from perturbations.suites.suite import Suite

if TYPE_CHECKING:
    from perturbations.bench import Bench

NAME = "worst_case"


class WorstCase(Suite):
    """What is the smallest admitted nuisance that makes a solved case fail?

    Why it matters: an average over cases hides those that a small change breaks, and what is
    unlikely by chance is found by an adversary, or by a year of operation.

    Observes: `broken_share`, the share of solved cases that a search inside the admitted range
    turns into failures, with the same planner stream, for each class and for all together;
    `smallest_amount`, over broken cases the median of the smallest amount that was found, as a
    distance from nominal, or `smallest_share`, the same as a share of the way to the ends of the
    box; `lost_by_chance`, the share of the same cases that another planner stream loses in the
    clean world. The search is fixed: a case is tried at the end of the range, in the two
    directions that move its latent most and in one drawn at random; a change that breaks it is
    halved three times.

    Blind to: what a longer search would find, changes of the goal frame, changes within an
    episode, and cases that were not solved before. A class of which no amount is admitted is
    searched up to the smallest amount that ran, and all together inside the smallest box, which
    says nothing about an admitted range.
    """

    name = NAME
    family = "F2"
    needs_simulator = True

    def run(self, bench: "Bench") -> list[Cell]:
        """One cell per class that ran in closed loop, and one for all admitted ones together."""
        from perturbations.suites.nuisance_shift import NuisanceShift

        if not bench.profile.num_worst_cases:
            return []
        before = [*planning.clean_cells(bench), *NuisanceShift().run(bench)]
        numbers = searched_cases(before, bench.profile.num_worst_cases)
        if not len(numbers):
            return []
        return [
            _cell(bench, extents, numbers) for extents in searches(before, bench.criteria).values()
        ]

    def summarise(
        self, cells: Sequence[Cell], monitors: Sequence[CalibratedMonitor], *, seed: int
    ) -> list[Measurement]:
        """See the class docstring."""
        found: list[Measurement] = []
        own = rows.select(cells, NAME)
        for cell in own:
            found += _summary(cell, seed)
        done = [cell for cell in own if not rows.trouble([cell])]
        if done:
            numbers = rows.numbers(done[0], "case").astype(int)
            found.append(_lost_by_chance(planning.clean_model_cells(cells), numbers))
        return found


def searched_cases(cells: Sequence[Cell], at_most: int) -> NDArray[np.int64]:
    """Numbers of the first cases that the model solves with the stream that a shift keeps."""
    clean = planning.clean_model_cells(cells)
    if rows.trouble(clean):
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(planning.one_per_case(clean, "success"))[:at_most].astype(np.int64)


def searches(cells: Sequence[Cell], criteria: Criteria) -> dict[str, list[Extent]]:
    """What is searched, by name: each class alone, then all admitted ones together.

    Together they go to the ends of the box that held, or of the smallest one where none did.
    """
    found = {name: [extent] for name, extent in admitted.searched(cells, criteria).items()}
    box = admitted.box(cells, criteria)
    if has_several(box):
        scale = reached(cells, criteria)
        smaller = scaled(box, scale or JOINT_SCALES[0]).values()
        found[JOINT] = [replace(extent, is_admitted=scale > 0) for extent in smaller]
    return found


def condition(extents: Sequence[Extent]) -> dict[str, Scalar]:
    """The condition of a search, without what the bench adds: its range, and its budget."""
    alone = extents[0]
    found: dict[str, Scalar] = {
        "nuisance": alone.nuisance if len(extents) == 1 else JOINT,
        "is_admitted": all(extent.is_admitted for extent in extents),
        "num_tries": NUM_TRIES,
        "num_bisections": NUM_BISECTIONS,
        "num_classes": len(extents),
    }
    if len(extents) == 1:
        found |= {"unit": alone.unit, "nominal": alone.nominal}
    for extent in extents:
        found |= extent.condition()
    return found


def _cell(bench: "Bench", extents: Sequence[Extent], numbers: NDArray[np.int64]) -> Cell:
    key = bench.key(
        NAME,
        "model",
        {
            **condition(extents),
            "num_searched": len(numbers),
            "budget_env_steps": bench.budget_env_steps,
        },
        cases=bench.cases.digest,
        streams=tuple(range(bench.profile.num_streams)),
    )
    return bench.runner.run(key, partial(search, bench, extents, numbers))


_REPORTED = ("nuisance", "unit", "num_tries", "num_bisections", "num_classes", "is_admitted")


def _summary(cell: Cell, seed: int) -> list[Measurement]:
    said = {key: cell.condition[key] for key in _REPORTED if key in cell.condition}
    is_joint = cell.condition.get("nuisance") == JOINT
    quantity = "smallest_share" if is_joint else "smallest_amount"
    unit = "1" if is_joint else str(cell.condition.get("unit", "1"))
    if problem := rows.trouble([cell]):
        return [
            rows.measurement(NAME, name, said, None, note=problem)
            for name in ("broken_share", quantity)
        ]
    broken = rows.outcomes(cell, "broken")
    share, note = rows.share(broken)
    sizes = [size for size in cell.rows["size"] if size is not None]
    smallest = None
    if len(sizes) >= 2:
        smallest = bootstrap.median(np.array(sizes, dtype=np.float64), seed=seed)
    too_few = "" if smallest else f"broken cases: {len(sizes)}, too few for an interval"
    return [
        rows.measurement(NAME, "broken_share", said, share, note=note),
        rows.measurement(NAME, quantity, said, smallest, unit=unit, note=too_few),
    ]


def _lost_by_chance(clean: Sequence[Cell], numbers: NDArray[np.int64]) -> Measurement:
    said: Mapping[str, Scalar] = {"num_streams": len(clean)}
    problem = rows.trouble(clean)
    if not problem and len(clean) < 2:
        problem = "there is no other planner stream"
    if problem:
        return rows.measurement(NAME, "lost_by_chance", said, None, note=problem)
    table = np.stack([rows.outcomes(cell)[numbers] for cell in clean])
    share, note = rows.share(np.asarray(~table.all(axis=0)))
    return rows.measurement(NAME, "lost_by_chance", said, share, note=note)
