"""The search of the worst case: all cases at once, a fixed number of closed loops for each.

Shapes in this module:
    N  cases searched     C  changes to choose from
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from perturbations.episodes import Cases
from perturbations.nuisances import mixture
from perturbations.nuisances.mixture import Look, Mix
from perturbations.nuisances.nuisance import FrameSeeds
from perturbations.seeding import derive_seed
from perturbations.suites.joint import mixed

if TYPE_CHECKING:
    from perturbations.bench import Bench
    from perturbations.suites.admitted import Extent

NUM_TRIES = 3
"""Plans of one case that a class may try to break before it is given up; of a mix, the same."""
NUM_BISECTIONS = 3
"""Halvings that then look for a smaller change."""
NUM_MIXES = 12
"""Mixes at the ends of their ranges of which the joint search tries the farthest ones."""

Survives = Callable[[NDArray[np.int64], Sequence[Mix]], NDArray[np.bool_]]
"""(rows of cases, a mix for each) to whether each is solved under it."""


def search(
    bench: "Bench", extents: Sequence["Extent"], numbers: NDArray[np.int64]
) -> dict[str, list[Any]]:
    """Look for the smallest change that breaks each case.

    Args:
        bench: model, planner, world.
        extents: how far each class may go; several are mixed.
        numbers: of the cases searched, (N,); all are solved in the clean world.

    Returns:
        rows: case, stream, broken, size (of the smallest change that broke it: distance from
        nominal of a class, share of the way to the ends of a mix; None for a case that held) and
        change, in words.
    """
    seeds = _seeds(bench, extents, numbers)
    choices = _choices(bench, extents, seeds)
    tried = _farthest_first(bench, choices, numbers, seeds)

    def survives(at: NDArray[np.int64], mixes: Sequence[Mix]) -> NDArray[np.bool_]:
        return _solved(bench, numbers[at], mixes, seeds[at])

    worst: list[Mix] = [()] * len(numbers)
    share = np.full(len(numbers), np.inf)
    for attempt in range(NUM_TRIES):
        at = np.array(
            [n for n in range(len(numbers)) if np.isinf(share[n]) and attempt < len(tried[n])],
            dtype=np.int64,
        )
        for n, held in zip(at, _judged(survives, at, [tried[n][attempt] for n in at]), strict=True):
            if not held:
                worst[n], share[n] = tried[n][attempt], 1.0
    _shrink(survives, worst, share)
    return _rows(bench, numbers, extents, worst, share)


def _judged(survives: Survives, at: NDArray[np.int64], mixes: Sequence[Mix]) -> NDArray[np.bool_]:
    return survives(at, mixes) if len(at) else np.empty(0, dtype=bool)


def _shrink(survives: Survives, worst: Sequence[Mix], share: NDArray[np.float64]) -> None:
    """Halve the way to every change that broke its case, towards the smallest that still does."""
    at = np.flatnonzero(np.isfinite(share))
    broken = [worst[n] for n in at.tolist()]
    held = np.zeros(len(share))
    for _ in range(NUM_BISECTIONS):
        middle = (held + share)[at] / 2
        mixes = [mixture.scaled(mix, part) for mix, part in zip(broken, middle, strict=True)]
        solved = _judged(survives, at, mixes)
        held[at[solved]] = middle[solved]
        share[at[~solved]] = middle[~solved]


def _seeds(
    bench: "Bench", extents: Sequence["Extent"], numbers: NDArray[np.int64]
) -> NDArray[np.int64]:
    names = "+".join(extent.nuisance for extent in extents)
    found = [derive_seed(bench.seed, "worst case", names, int(number)) for number in numbers]
    return np.array(found, dtype=np.int64)


def _choices(
    bench: "Bench", extents: Sequence["Extent"], seeds: NDArray[np.int64]
) -> list[list[Mix]]:
    """By case the changes to choose from, (N, C), all at the ends of their ranges."""
    if len(extents) == 1:
        alone: list[Mix] = [(end,) for end in extents[0].ends(bench.world)]
        return [alone for _ in seeds]
    box = {extent.nuisance: extent for extent in extents}
    return [
        [
            _some(mixed(bench.world, box, "ends", derive_seed(int(s), i)), i)
            for i in range(NUM_MIXES)
        ]
        for s in seeds
    ]


def _some(mix: Mix, index: int) -> Mix:
    """All of a mix, or every other time two of it: few at once can be worse than many."""
    if index % 2 == 0 or len(mix) <= 2:
        return mix
    first = index // 2 % len(mix)
    kept = {first, (first + 1 + index // (2 * len(mix))) % len(mix)}
    return tuple(change for place, change in enumerate(mix) if place in kept)


def _farthest_first(
    bench: "Bench",
    choices: Sequence[Sequence[Mix]],
    numbers: NDArray[np.int64],
    seeds: NDArray[np.int64],
) -> list[list[Mix]]:
    """By case the changes to try: those that move its first latent most, one at random last."""
    from perturbations import latents

    starts = bench.cases.starts[numbers]
    begin = FrameSeeds(seeds, np.zeros(len(seeds), dtype=np.int64))
    z_clean = latents.encode_frames(bench.model, bench.world.render(starts))
    num_choices = len(choices[0])
    moved = np.empty((len(numbers), num_choices))
    for place in range(num_choices):
        look = Look([of_case[place] for of_case in choices], seeds)
        z = latents.encode_frames(bench.model, look.drawn(bench.world)(starts, begin))
        moved[:, place] = latents.distance(z, z_clean)
    found = []
    for row, (of_case, seed) in enumerate(zip(choices, seeds, strict=True)):
        order = np.argsort(-moved[row], kind="stable").tolist()
        chosen, rest = order[: NUM_TRIES - 1], order[NUM_TRIES - 1 :]
        if rest:
            chosen.append(rest[np.random.default_rng(seed).integers(len(rest))])
        found.append([of_case[place] for place in chosen])
    return found


def _solved(
    bench: "Bench", numbers: NDArray[np.int64], mixes: Sequence[Mix], seeds: NDArray[np.int64]
) -> NDArray[np.bool_]:
    from perturbations.closed_loop import Loop

    loop = Loop(
        arm="model",
        cases=Cases(
            bench.cases.starts[numbers],
            bench.cases.goals[numbers],
            bench.cases.goal_offset_env_steps,
        ),
        streams=bench.streams_of_cases[numbers],
        budget_env_steps=bench.budget_env_steps,
        watched=False,
        numbers=numbers,
        look=Look(mixes, seeds),
    )
    return np.array(loop.run(bench)["success"], dtype=bool)


def _rows(
    bench: "Bench",
    numbers: NDArray[np.int64],
    extents: Sequence["Extent"],
    worst: Sequence[Mix],
    share: NDArray[np.float64],
) -> dict[str, list[Any]]:
    broken = np.isfinite(share)
    smallest = [
        mixture.scaled(mix, part) if is_broken else ()
        for mix, part, is_broken in zip(worst, share, broken, strict=True)
    ]
    if len(extents) > 1:
        sizes = [float(part) if np.isfinite(part) else None for part in share]
    else:
        sizes = [abs(mix[0].amount - mix[0].nominal) if mix else None for mix in smallest]
    return {
        "case": numbers.tolist(),
        "stream": bench.streams_of_cases[numbers].tolist(),
        "broken": broken.tolist(),
        "size": sizes,
        "change": [_words(mix) if mix else None for mix in smallest],
    }


def _words(mix: Mix) -> str:
    return "; ".join(f"{c.nuisance} {c.direction} {c.amount:.4g}" for c in mix)
