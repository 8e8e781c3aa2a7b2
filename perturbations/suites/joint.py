"""All admitted nuisances at once: does the box hold whose sides were measured one by one?

Every case sees a mix of its own: each class in a direction drawn at random, its amount drawn evenly
between nominal and the end of its part of the box. Where that is harmless a second cell draws the
ends themselves, since a deployment may sit in a corner of the box as well as inside it. The box
grows from a share of what is admitted to all of it, as long as both cells hold: a fixed sequence,
in which every test keeps its full level (docs/decisions/0007).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from envelope.records import JOINT_SCALES, Cell, Criteria, Scalar
from perturbations.cells import rows
from perturbations.nuisances.mixture import Change, Look, Mix
from perturbations.seeding import derive_seed
from perturbations.suites import planning
from perturbations.suites.admitted import Extent, box, is_harmless

if TYPE_CHECKING:
    from perturbations.bench import Bench
    from perturbations.protocols import World

LOOP = "joint"
Amounts = Literal["uniform", "ends"]
_AMOUNTS: tuple[Amounts, ...] = ("uniform", "ends")
_SHIFTED = "nuisance_shift"
Box = Mapping[str, Extent]


def has_several(admitted: Box) -> bool:
    """Whether there are classes to be drawn together."""
    return len(admitted) >= 2


def choose(admitted: Box, is_kept: Callable[[float, Amounts], bool]) -> float:
    """Run the joint cells that are called for, through `is_kept`, smallest box first.

    Returns:
        The largest scale whose cells both kept success, as all smaller ones did; 0 for none.
    """
    reached = 0.0
    for scale in JOINT_SCALES if has_several(admitted) else ():
        if not all(is_kept(scale, amounts) for amounts in _AMOUNTS):
            break
        reached = scale
    return reached


def reached(cells: Sequence[Cell], criteria: Criteria) -> float:
    """The scale of the box that the cells of a run admit, as `choose` found it."""
    clean = planning.clean_model_cells(cells)
    admitted = box(cells, criteria)

    def is_kept(scale: float, amounts: Amounts) -> bool:
        wanted = joint_condition(admitted, scale, amounts)
        found = rows.select(cells, _SHIFTED, **wanted)
        return bool(found) and is_harmless(clean, found[0], criteria)

    return choose(admitted, is_kept)


def scaled(admitted: Box, scale: float) -> dict[str, Extent]:
    """The box that goes this share of the way from nominal to the ends of what is admitted."""
    return {name: extent.scaled(scale) for name, extent in admitted.items()}


def joint_condition(admitted: Box, scale: float, amounts: Amounts) -> dict[str, Scalar]:
    """The condition of a joint cell, without what the bench adds: the box, and how it is drawn."""
    found: dict[str, Scalar] = {
        "nuisance": LOOP,
        "loop": LOOP,
        "frames": "current",
        "amounts": amounts,
        "scale": scale,
        "num_classes": len(admitted),
    }
    for extent in scaled(admitted, scale).values():
        found.update(extent.condition())
    return found


def joint_cell(
    bench: "Bench", admitted: Box, scale: float, amounts: Amounts, suite: str = _SHIFTED
) -> Cell:
    """Every case in closed loop, under a mix of its own on the current frame."""
    from perturbations.closed_loop import Loop

    seeds = bench.case_seeds(len(bench.cases))
    smaller = scaled(admitted, scale)
    mixes = all_mixed(bench.world, smaller, amounts, seeds.tolist())
    loop = Loop(
        arm="model",
        cases=bench.cases,
        streams=bench.streams_of_cases,
        budget_env_steps=bench.budget_env_steps,
        look=Look(mixes, seeds),
    )
    key = bench.key(
        suite,
        "model",
        {**joint_condition(admitted, scale, amounts), "budget_env_steps": bench.budget_env_steps},
        cases=bench.cases.digest,
        streams=tuple(range(bench.profile.num_streams)),
    )
    return bench.runner.run(key, partial(loop.run, bench))


def mixed(world: "World", extents: Box, amounts: Amounts, seed: int) -> Mix:
    """One mix of all classes of the box."""
    return all_mixed(world, extents, amounts, [seed])[0]


def all_mixed(world: "World", extents: Box, amounts: Amounts, seeds: Iterable[int]) -> list[Mix]:
    """A mix for every seed."""
    ends = [extent.ends(world) for extent in extents.values()]
    return [_one_mixed(ends, amounts, seed) for seed in seeds]


def _one_mixed(classes: Sequence[Sequence[Change]], amounts: Amounts, seed: int) -> Mix:
    rng = np.random.default_rng(derive_seed(seed, "mix"))
    found = []
    for ends in classes:
        direction, share = rng.random(), rng.random()
        if ends:
            end = ends[int(direction * len(ends))]
            found.append(end if amounts == "ends" else end.scaled(share))
    return tuple(found)
