"""What a violation class is: an event that cannot happen, with a magnitude in its unit.

Shapes in this module:
    E  clips     T  env steps     S  state width     n  frames     H, W  frame height, width

An event begins right after a lawful frame; before it, an unlawful clip is its lawful twin.
Physical events change what happens, sensor events what the camera sends, and visual events
repaint the scene.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from perturbations.nuisances.nuisance import FrameSeeds
from perturbations.violations.motion import Lawful

if TYPE_CHECKING:
    from perturbations.protocols import Frames, States, World

Kind = Literal["physical", "visual", "sensor"]
Shown = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""States (E, T+1, S) as the camera sees them, and in which clips the event could happen, (E,)."""


class Violation(ABC):
    """One class of event."""

    name: str
    kind: Kind
    unit: str
    needs_motion = True
    """Whether a clip counts only if the shown states part far enough from the lawful ones."""
    seeks_walls = False
    """Whether clips start anywhere, rather than where the recorded episodes did."""

    @abstractmethod
    def happen(self, lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Shown:
        """The states that the camera sees when the event happens in every clip."""

    def can_be_shown(self, world: "World", magnitude: float) -> bool:
        """Whether this world has what the event changes."""
        return True

    def paint(
        self, world: "World", states: "States", magnitude: float, seeds: FrameSeeds, since: int
    ) -> "Frames":
        """Frames (n, H, W, 3) of shown states (n, S), the `since`-th after the event, from 1."""
        return world.render(states)
