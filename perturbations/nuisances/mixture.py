"""Several nuisances in one picture, each at an amount of its own, another mix for every case.

Shapes in this module:
    N  frames          S  state width
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from perturbations.nuisances.classes import find
from perturbations.nuisances.nuisance import FrameSeeds

if TYPE_CHECKING:
    from perturbations.nuisances.nuisance import Draw
    from perturbations.protocols import Frames, States, World


@dataclass(frozen=True)
class Change:
    """One class, the way it goes, and how far."""

    nuisance: str
    direction: str
    amount: float
    nominal: float

    def scaled(self, share: float) -> "Change":
        """The same change, only this share of the way from nominal."""
        return replace(self, amount=self.nominal + share * (self.amount - self.nominal))


Mix = tuple[Change, ...]
"""Changes in the order in which they are put on; the last one is outermost."""


def scaled(mix: Mix, share: float) -> Mix:
    """Every change of the mix only this share of the way from nominal."""
    return tuple(change.scaled(share) for change in mix)


def draw(
    world: "World",
    states: "States",
    mix: Mix,
    seeds: FrameSeeds,
    factors: Mapping[str, Any] | None = None,
) -> "Frames":
    """Draw every state under all changes of a mix.

    Args:
        world: draws the clean frames.
        states: (N, S).
        mix: none gives the clean frames.
        seeds: of the N frames.
        factors: appearance factors of this call.
    """
    if not mix:
        return world.render(states, factors) if factors else world.render(states)
    *inner, outer = mix
    under = cast("World", _Under(world, tuple(inner), seeds, factors or {}))
    return find(outer.nuisance).render_amount(under, states, outer.direction, outer.amount, seeds)


class _Under:
    """A world as it looks under a mix; nominal values and all else are its own."""

    def __init__(
        self, world: "World", mix: Mix, seeds: FrameSeeds, factors: Mapping[str, Any]
    ) -> None:
        self._world, self._mix, self._seeds, self._factors = world, mix, seeds, factors

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)

    def render(self, states: "States", factors: Mapping[str, Any] | None = None) -> "Frames":
        """As `World.render`."""
        merged = {**self._factors, **(factors or {})}
        return draw(self._world, states, self._mix, self._seeds, merged)


@dataclass(frozen=True)
class Look:
    """What each case of a closed loop is seen under."""

    mixes: Sequence[Mix]
    """One per case."""
    seeds: NDArray[np.int64]
    """One per case, all different: a frame is known by it, and the mix draws from it."""

    def drawn(self, world: "World") -> "Draw":
        """Draws frames by the seeds of their cases."""
        mixes = dict(zip(self.seeds.tolist(), self.mixes, strict=True))

        def drawn(states: "States", seeds: FrameSeeds) -> "Frames":
            parts: list[Frames] = []
            places: list[NDArray[np.intp]] = []
            for seed in dict.fromkeys(seeds.cases.tolist()):
                place = np.flatnonzero(seeds.cases == seed)
                own = FrameSeeds(seeds.cases[place], seeds.times[place])
                parts.append(draw(world, states[place], mixes[seed], own))
                places.append(place)
            order = np.argsort(np.concatenate(places))
            return np.asarray(np.concatenate(parts)[order])

        return drawn
