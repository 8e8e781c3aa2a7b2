"""What a nuisance class is: a name, a unit, directions, and frames at a strength.

Shapes in this module:
    N  frames          H, W  frame height, width          S  state width
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from envelope.errors import EnvelopeError
from envelope.records import Scalar
from perturbations.stopwatch import STOPWATCH

if TYPE_CHECKING:
    from perturbations.protocols import Frames, States, World


@dataclass(frozen=True)
class FrameSeeds:
    """Where chance comes from: by case what is steady over an episode, by time what is not."""

    cases: NDArray[np.int64]
    """One seed per frame, (N,); equal for all frames of one case."""
    times: NDArray[np.int64]
    """Index of each frame in its episode, (N,), from 0."""


Draw = Callable[["States", FrameSeeds], "Frames"]
"""Draws states (N, S) as the camera shows them."""


@dataclass(frozen=True)
class Shift:
    """One condition: a class, where it goes, and how far."""

    nuisance: str
    direction: str
    strength: float
    amount: float
    unit: str
    nominal: float

    def condition(self) -> dict[str, Scalar]:
        """The keys that every measurement under this shift carries."""
        return {
            "nuisance": self.nuisance,
            "direction": self.direction,
            "strength": self.strength,
            "amount": self.amount,
            "unit": self.unit,
            "nominal": self.nominal,
        }


class Nuisance(ABC):
    """One class of change."""

    name: str
    unit: str
    nominal: float = 0.0

    @abstractmethod
    def directions(self, world: "World") -> tuple[str, ...]:
        """Ways to go in this world; none when the class cannot be shown there."""

    @abstractmethod
    def amount(self, world: "World", direction: str, strength: float) -> float:
        """What a strength comes to, in `unit`."""

    @abstractmethod
    def native_value(self, world: "World", direction: str, amount: float) -> Any:
        """Value of the world's factor of the same name."""

    @abstractmethod
    def change(
        self, world: "World", states: "States", direction: str, amount: float, seeds: FrameSeeds
    ) -> "Frames":
        """Frames under the nuisance, made from the world's own frames."""

    def shift(self, world: "World", direction: str, strength: float) -> Shift:
        """The condition that a strength in one direction comes to."""
        if not 0 <= strength <= 1:
            raise ValueError(f"a strength lies in [0, 1], got {strength}")
        amount = round(self.amount(world, direction, strength), 4)
        return Shift(self.name, direction, strength, amount, self.unit, self.nominal)

    def render(
        self,
        world: "World",
        states: "States",
        *,
        strength: float,
        direction: str,
        seeds: FrameSeeds,
    ) -> "Frames":
        """Draw every state under the nuisance.

        Args:
            world: draws the clean frames.
            states: (N, S).
            strength: in [0, 1]; 0 gives the clean frames, byte for byte.
            direction: one of `directions(world)`.
            seeds: of the N frames; equal seeds give equal frames.

        Raises:
            EnvelopeError: the class has no such direction in this world.
        """
        if direction not in self.directions(world):
            raise EnvelopeError(
                f"{self.name} has the directions {list(self.directions(world))} in "
                f"{world.name}, got {direction!r}",
                next_step="use one of those",
            )
        if strength == 0:
            return world.render(states)
        amount = self.amount(world, direction, strength)
        return self.render_amount(world, states, direction, amount, seeds)

    def render_amount(
        self, world: "World", states: "States", direction: str, amount: float, seeds: FrameSeeds
    ) -> "Frames":
        """Draw every state under an amount in `unit`, without a strength."""
        with STOPWATCH.running("rendering"):
            if self.name in factors(world):
                value = self.native_value(world, direction, amount)
                return world.render(states, {self.name: value})
            return self.change(world, states, direction, amount, seeds)


def factors(world: "World") -> Mapping[str, Any]:
    """Factors of variation of a world, by dotted name; empty when it has none."""
    found: Mapping[str, Any] = getattr(world, "factors", {})
    return found


def grey_levels(world: "World", factor: str) -> NDArray[np.float64]:
    """Colours (n, 3) of a factor that holds one or several, in sRGB grey levels."""
    return np.array(factors(world)[factor], dtype=np.float64).reshape(-1, 3) * _scale(world, factor)


def as_factor(world: "World", factor: str, levels: NDArray[Any]) -> NDArray[Any]:
    """Colours (n, 3) in grey levels as the world takes them."""
    flat = np.asarray(levels).reshape(-1)
    scale = _scale(world, factor)
    return flat if scale == 1 else flat / scale


def _scale(world: "World", factor: str) -> float:
    """Grey levels in one of the world's own units of colour: 1, or 255 where 1.0 is white."""
    limits = getattr(world, "factor_table", {}).get(factor)
    return 255.0 if limits is not None and float(limits.high) <= 1 else 1.0
