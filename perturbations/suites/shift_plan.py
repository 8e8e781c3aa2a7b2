"""Which nuisance cells run, and in which order: closed loop is spent where it decides."""

from collections.abc import Callable, Sequence
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
            picks the worst direction.
        drop: runs a cell.
    """
    worst = _worst_directions(shifts, displacement)
    if profile.shifted_cells == "few":
        _few(worst, displacement, drop, limit=criteria.max_success_drop)
    elif profile.shifted_cells == "bisect":
        _bisect(worst, drop, limit=criteria.max_success_drop)
    else:
        chosen: list[Choice] = [(shift, "current") for shift in shifts]
        of_worst = [shift for ladder in worst.values() for shift in ladder]
        chosen += [(shift, frames) for shift in of_worst for frames in _OTHER_FRAMES]
        each([partial(drop, *choice) for choice in chosen])


def _worst_directions(
    shifts: Sequence[Shift], displacement: Callable[[Shift], float]
) -> dict[str, list[Shift]]:
    """By class, the strengths in rising order along the direction that moves the latent most."""
    found: dict[str, list[Shift]] = {}
    for name in dict.fromkeys(shift.nuisance for shift in shifts):
        own = [shift for shift in shifts if shift.nuisance == name]
        top = max(shift.strength for shift in own)
        worst = max((shift for shift in own if shift.strength == top), key=displacement)
        found[name] = sorted(
            (shift for shift in own if shift.direction == worst.direction),
            key=lambda shift: shift.strength,
        )
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


def _bisect(worst: dict[str, list[Shift]], drop: Drop, *, limit: float) -> None:
    """Per class, halve the gap between the strongest harmless and the weakest harmful strength."""

    def largest(ladder: list[Shift]) -> tuple[float, Shift]:
        """The largest drop that was seen, and where."""
        harmless, harmful = -1, len(ladder)
        seen: list[tuple[float, Shift]] = []
        while harmful - harmless > 1:
            middle = (harmless + harmful) // 2
            seen.append((drop(ladder[middle], "current"), ladder[middle]))
            if seen[-1][0] <= limit:
                harmless = middle
            else:
                harmful = middle
        return max(seen, key=lambda one: one[0])

    found = each([partial(largest, ladder) for ladder in worst.values()])
    farthest = sorted(found, key=lambda one: -one[0])[:_WORST_CLASSES]
    each([partial(drop, shift, frames) for _, shift in farthest for frames in _OTHER_FRAMES])
