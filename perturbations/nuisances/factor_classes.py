"""A nuisance class for every appearance factor of a world that no class of ours is about.

`factor:floor.color` moves the factor `floor.color` of whatever world has it. A colour goes through
Lab towards named colours, as `background.color` does; a number goes from its value towards each end
of its range, and a factor of several numbers one number at a time. What counts as appearance is the
world's to say: the role in its `factor_table`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from perturbations.nuisances import color
from perturbations.nuisances.color_ways import TARGETS, is_open
from perturbations.nuisances.nuisance import FrameSeeds, Nuisance, as_factor, factors, grey_levels

if TYPE_CHECKING:
    from perturbations.protocols import Frames, States, World

PREFIX = "factor:"
EVERY = f"{PREFIX}*"
"""In criteria: every appearance factor that no other class is about."""
_BESIDE = "agent.color"
_NUM_LOOKS = 4
_SEEN: WeakKeyDictionary[Any, dict[str, bool]] = WeakKeyDictionary()
"""By world, whether anything is seen of a factor; asked often, and slow to find out."""


class FactorClass(Nuisance):
    """One appearance factor; `unit` is the distance in Lab of a colour, else the factor's own.

    Amounts are distances from the factor's value, so that one limit serves every direction.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.factor = name.removeprefix(PREFIX)
        self.is_color = self.factor.endswith("color")
        self.unit = "delta_e" if self.is_color else "offset"

    def directions(self, world: "World") -> tuple[str, ...]:
        """Colours that lead somewhere and not past the agent's; or numbers with room to move.

        None where the picture is the same wherever they lead, as that of a target not drawn.
        """
        if self.factor not in appearance(world) or not self._is_seen(world):
            return ()
        return self._open(world)

    def _open(self, world: "World") -> tuple[str, ...]:
        if not self.is_color:
            return tuple(self._ways(world))
        starts, beside = color.to_lab(grey_levels(world, self.factor)), None
        if _BESIDE in factors(world) and self.factor != _BESIDE:
            beside = color.to_lab(grey_levels(world, _BESIDE)[0])
        return tuple(
            name
            for name, target in TARGETS.items()
            if all(is_open(start, color.to_lab(np.array(target)), beside) for start in starts)
        )

    def amount(self, world: "World", direction: str, strength: float) -> float:
        """Distance from the factor's value, of several colours the mean; whole where it is."""
        if self.is_color:
            starts = grey_levels(world, self.factor)
            return strength * float(color.delta_e(starts, TARGETS[direction]).mean())
        _, room = self._ways(world)[direction]
        reach = strength * abs(room)
        return float(round(reach)) if self._is_whole(world) else reach

    def native_value(self, world: "World", direction: str, amount: float) -> Any:
        """What the factor is set to."""
        if self.is_color:
            share = amount / self.amount(world, direction, 1.0)
            starts = grey_levels(world, self.factor)
            moved = [color.between(start, TARGETS[direction], share) for start in starts]
            return as_factor(world, self.factor, np.array(moved))
        place, room = self._ways(world)[direction]
        value = factors(world)[self.factor]
        numbers = list(value) if isinstance(value, tuple) else [value]
        step = round(amount) if self._is_whole(world) else amount
        numbers[place] += step if room > 0 else -step
        return tuple(numbers) if isinstance(value, tuple) else numbers[0]

    def change(
        self, world: "World", states: "States", direction: str, amount: float, seeds: FrameSeeds
    ) -> "Frames":
        """Never called: the world draws it."""
        raise AssertionError("a factor is always the world's own")

    def render_amount(
        self, world: "World", states: "States", direction: str, amount: float, seeds: FrameSeeds
    ) -> "Frames":
        """The world's own picture with the factor moved."""
        return world.render(states, {self.factor: self.native_value(world, direction, amount)})

    def _is_seen(self, world: "World") -> bool:
        if not hasattr(world, "sample_states"):
            return True
        known = _SEEN.setdefault(world, {})
        if self.factor not in known:
            states = world.sample_states(np.random.default_rng(0), _NUM_LOOKS)
            clean = world.render(states)
            values = (
                self.native_value(world, way, self.amount(world, way, 1.0))
                for way in self._open(world)
            )
            known[self.factor] = any(
                bool((world.render(states, {self.factor: value}) != clean).any())
                for value in values
            )
        return known[self.factor]

    def _is_whole(self, world: "World") -> bool:
        return isinstance(appearance(world)[self.factor].low, int)

    def _ways(self, world: "World") -> dict[str, tuple[int, float]]:
        """By direction, which number moves and how far it can."""
        limits = appearance(world)[self.factor]
        numbers = np.atleast_1d(np.array(factors(world)[self.factor], dtype=np.float64)).tolist()
        found: dict[str, tuple[int, float]] = {}
        for place, number in enumerate(numbers):
            which = f"_{place}" if len(numbers) > 1 else ""
            for word, end in (("up", limits.high), ("down", limits.low)):
                if end != number:
                    found[f"{word}{which}"] = (place, float(end - number))
        return found


def appearance(world: "World") -> Mapping[str, Any]:
    """The appearance factors of a world with their limits, by dotted name."""
    table: Mapping[str, Any] = getattr(world, "factor_table", {})
    return {name: factor for name, factor in table.items() if factor.role == "appearance"}
