"""Models whose one defect lies where a single claim looks.

Shapes in this module:
    N  cases     T  model steps     K  env steps per block     D  latent width
"""

import numpy as np
import torch

from perturbations.nuisances.color import to_lab
from tests.known_models.defects import RolledUp
from tests.known_models.models import ColourBlind, Oracle
from tests.known_models.world import CLEAN_LOOK


class BlueIsElsewhere(Oracle):
    """Takes a background of bright blue for another place. It sees only how bright one is.

    Navy is darker, moves the latent farther and does no harm: the direction that closed loops run.
    """

    away_px = 15.0

    def place(self, places, looks):
        red, _, blue = (looks + CLEAN_LOOK)[:, :3].T
        is_bright_blue = (blue > 240) & (red < 160)
        return places + self.away_px * is_bright_blue[:, None]

    def look(self, looks):
        brightness = to_lab((looks + CLEAN_LOOK)[:, :3])[:, :1] - to_lab(CLEAN_LOOK[:3])[0]
        return np.hstack([np.repeat(brightness, 3, axis=1) / np.sqrt(3), looks[:, 3:]])


class Flinching(Oracle):
    """Knows its place under any look; what it keeps of a strange look is new in every frame.

    So it plans as well, and is surprised at each step.
    """

    def encode(self, frames):
        z = super().encode(frames)
        return torch.cat([z[:, :2], z[:, 2:] * torch.sin(1e3 * z[:, :1])], dim=1)


class Flattered(ColourBlind):
    """Imagines frames that no goal looks like, unless a block goes a certain way to the right.

    One candidate in a hundred does. A small search misses them, a larger one finds nothing better.
    """

    latent_width = 3
    strangeness = 60.0
    lure = (0.75, -0.75)
    near = 0.16

    def encode(self, frames):
        z = super().encode(frames)
        return torch.cat([z, torch.zeros_like(z[:, :1])], dim=1)

    def _next(self, z, block):
        places = super()._next(z[:, :2], block)
        away = (block.mean(dim=1) - torch.tensor(self.lure).to(block)).abs().amax(dim=1)
        strange = z[:, 2] + self.strangeness * (away >= self.near).to(z)
        return torch.cat([places, strange[:, None]], dim=1)


class RolledOnce(RolledUp):
    """Rolls the box up once: of places farther apart than 35 px the way leads to the wrong side."""

    period = 70.0
