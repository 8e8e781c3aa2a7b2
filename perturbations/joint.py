"""All admitted nuisances at once: does the box hold whose sides were measured one by one?

Every case sees a mix of its own: each class in a direction drawn at random, its amount drawn evenly
between nominal and the end of what is admitted. Where that is harmless a second cell draws the ends
themselves, since a deployment may sit in a corner of the box as well as inside it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from envelope.records import Cell, Criteria, Scalar
from perturbations.admitted import Extent
from perturbations.mixture import Change, Look, Mix
from perturbations.seeding import derive_seed

if TYPE_CHECKING:
    from perturbations.bench import Bench
    from perturbations.protocols import World

LOOP = "joint"
Amounts = Literal["uniform", "ends"]


def has_several(box: Mapping[str, Extent]) -> bool:
    """Whether there are classes to be drawn together."""
    return len(box) >= 2


def choose(box: Mapping[str, Extent], criteria: Criteria, drop: Callable[[Amounts], float]) -> None:
    """Run the joint cells that the box calls for through `drop`, which gives the drop seen."""
    if has_several(box) and drop("uniform") <= criteria.max_success_drop:
        drop("ends")


def joint_condition(box: Mapping[str, Extent], amounts: Amounts) -> dict[str, Scalar]:
    """The condition of a joint cell, without what the bench adds: the box, and how it is drawn."""
    found: dict[str, Scalar] = {
        "nuisance": LOOP,
        "loop": LOOP,
        "frames": "current",
        "amounts": amounts,
        "num_classes": len(box),
    }
    for extent in box.values():
        found.update(extent.condition())
    return found


def joint_cell(bench: "Bench", box: Mapping[str, Extent], amounts: Amounts, suite: str) -> Cell:
    """Every case in closed loop, under a mix of its own on the current frame."""
    from perturbations.closed_loop import Loop

    seeds = bench.case_seeds(len(bench.cases))
    mixes = [mixed(bench.world, box, amounts, int(seed)) for seed in seeds]
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
        {**joint_condition(box, amounts), "budget_env_steps": bench.budget_env_steps},
        cases=bench.cases.digest,
        streams=tuple(range(bench.profile.num_streams)),
    )
    return bench.runner.run(key, partial(loop.run, bench))


def mixed(world: "World", box: Mapping[str, Extent], amounts: Amounts, seed: int) -> Mix:
    """One mix of all classes of the box."""
    rng = np.random.default_rng(derive_seed(seed, "mix"))
    found = []
    for extent in box.values():
        ends: Sequence[Change] = extent.ends(world)
        direction, share = rng.random(), rng.random()
        if ends:
            end = ends[int(direction * len(ends))]
            found.append(end if amounts == "ends" else end.scaled(share))
    return tuple(found)
