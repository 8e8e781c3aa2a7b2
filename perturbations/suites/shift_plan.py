"""Which nuisance cells run, and in which order: closed loop is spent where it decides."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from envelope.records import Criteria
from perturbations.cells.runner import each
from perturbations.nuisances.classes import find
from perturbations.nuisances.nuisance import Shift
from perturbations.profiles import Profile

if TYPE_CHECKING:
    from perturbations.bench import Bench
    from perturbations.closed_loop import ShiftedFrames

Choice = tuple[Shift, "ShiftedFrames"]
Drop = Callable[[Shift, "ShiftedFrames"], float]
"""Runs a closed-loop cell and gives the drop of success that was seen; 1 when it crashed."""

NUM_FEW = 3
_FIRST = ("background.color", "factor:floor.color", "light.gain", "camera.shift")
"""What a room changes most often; these come first when only a few classes can run."""
_WORST_CLASSES = 2
_OTHER_FRAMES: tuple["ShiftedFrames", ...] = ("goal", "both")


def open_loop(bench: "Bench") -> list[Shift]:
    """Every class, direction and telling strength of the criteria that the world can show."""
    return [
        find(name).shift(bench.world, direction, strength)
        for name, strengths in bench.telling_strengths.items()
        for direction in find(name).directions(bench.world)
        for strength in strengths
    ]


def closed_loop(
    profile: Profile,
    criteria: Criteria,
    shifts: Sequence[Shift],
    displacement: Callable[[Shift], float],
    drop: Drop,
) -> None:
    """Run the closed-loop cells of the profile, one after the other, through `drop`.

    Which these are follows from the rows alone, so that whoever has the rows can follow it again.

    Args:
        profile: says how many cells run.
        criteria: say which drop is harmless.
        shifts: of `open_loop`.
        displacement: median latent displacement seen in open loop, in lawful action blocks; it
            picks the worst direction, and the runner-up.
        drop: runs a cell.
    """
    ranked = _directions(shifts, displacement)
    worst = {name: ladders[0] for name, ladders in ranked.items()}
    if profile.shifted_cells == "few":
        _few(worst, displacement, drop, limit=criteria.max_success_drop)
    elif profile.shifted_cells == "bisect":
        _bisect(ranked, drop, limit=criteria.max_success_drop)
    else:
        chosen: list[Choice] = [(shift, "current") for shift in shifts]
        of_worst = [shift for ladder in worst.values() for shift in ladder]
        chosen += [(shift, frames) for shift in of_worst for frames in _OTHER_FRAMES]
        each([partial(drop, *choice) for choice in chosen])


def _directions(
    shifts: Sequence[Shift], displacement: Callable[[Shift], float]
) -> dict[str, list[list[Shift]]]:
    """By class, the strengths of each direction in rising order; first the direction that moves the
    latent most at its strongest."""
    found: dict[str, list[list[Shift]]] = {}
    for name in dict.fromkeys(shift.nuisance for shift in shifts):
        own = [shift for shift in shifts if shift.nuisance == name]
        top = max(shift.strength for shift in own)
        farthest = sorted((s for s in own if s.strength == top), key=displacement, reverse=True)
        found[name] = [
            sorted((s for s in own if s.direction == end.direction), key=lambda s: s.strength)
            for end in farthest
        ]
    return found


def _few(
    worst: dict[str, list[Shift]],
    displacement: Callable[[Shift], float],
    drop: Drop,
    *,
    limit: float,
) -> None:
    """A few classes: the weakest strength that moves the latent as far as one action block does,
    where a fragile model begins to fail; then the top, if that was harmless."""
    names = sorted(worst, key=lambda name: (name not in _FIRST, list(worst).index(name)))

    def one_or_two(ladder: list[Shift]) -> None:
        top = ladder[-1]
        first = next((shift for shift in ladder if displacement(shift) >= 1), top)
        if drop(first, "current") <= limit and first != top:
            drop(top, "current")

    each([partial(one_or_two, worst[name]) for name in names[:NUM_FEW]])


def _bisect(ranked: Mapping[str, list[list[Shift]]], drop: Drop, *, limit: float) -> None:
    """Per class, halve the gap between the strongest harmless and the weakest harmful strength.

    That is in its worst direction. The runner-up runs once, at the strongest harmless strength: how
    far a latent moves says little of what success costs, and the range is admitted in all of them.
    """

    def largest(ladders: list[list[Shift]]) -> tuple[float, Shift]:
        """The largest drop that was seen, and where."""
        ladder, *others = ladders
        harmless, harmful = -1, len(ladder)
        seen: list[tuple[float, Shift]] = []
        while harmful - harmless > 1:
            middle = (harmless + harmful) // 2
            seen.append((drop(ladder[middle], "current"), ladder[middle]))
            if seen[-1][0] <= limit:
                harmless = middle
            else:
                harmful = middle
        if others and harmless >= 0:
            beside = [s for s in others[0] if s.strength == ladder[harmless].strength]
            seen += [(drop(shift, "current"), shift) for shift in beside]
        return max(seen, key=lambda one: one[0])

    found = each([partial(largest, ladders) for ladders in ranked.values()])
    farthest = sorted(found, key=lambda one: -one[0])[:_WORST_CLASSES]
    each([partial(drop, shift, frames) for _, shift in farthest for frames in _OTHER_FRAMES])
