"""Models of the dot world that are perfect, or wrong in one way.

Shapes in this module:
    N  cases     T  model steps     K  env steps per block     D  latent width
"""

import numpy as np
import torch

from tests.known_models.world import BLOCK, CLEAN_LOOK, FIXED, SIDE, SPEED, WORLD


class Oracle:
    """Knows the laws, and sees all there is: places and looks, which it expects to stay."""

    block_size = BLOCK
    action_width = 2
    history = 3
    sees_looks = True
    world = WORLD

    @property
    def latent_width(self):
        return 2 + 16 * self.sees_looks

    def encode(self, frames):
        numbers = frames[:, 0, :, 0].astype(np.float64)
        places = numbers[:, :6].reshape(-1, 2, 3) @ [2**16, 2**8, 1] / FIXED * SIDE
        looks = numbers[:, 6:22] - CLEAN_LOOK
        parts = [self.place(places, looks)] + [self.look(looks)] * self.sees_looks
        return torch.from_numpy(np.hstack(parts)).float()

    def look(self, looks):
        """What this model keeps of the looks (N, 16), which are 0 in the clean world."""
        return looks

    def place(self, places, looks):
        """Where this model believes the dot to be."""
        return places

    def after(self, places, block):
        """Places (N, 2) after a block of actions (N, K, 2)."""
        for step in range(BLOCK):
            places = self.world.step(places, block[:, step])
        return places

    def predict(self, z, blocks):
        flat = self._next(z.flatten(end_dim=1), blocks.flatten(end_dim=1))
        return flat.reshape(z.shape)

    def rollout(self, z, blocks):
        found = []
        for step in range(blocks.shape[1]):
            z = self._next(z, blocks[:, step])
            found.append(z)
        return torch.stack(found, dim=1)

    def _next(self, z, block):
        places = self.after(z[:, :2].double().numpy(), block.double().numpy())
        return torch.cat([torch.from_numpy(places).to(z), z[:, 2:]], dim=1)


class Still(Oracle):
    """Expects that nothing moves."""

    def after(self, places, block):
        return places


class Drifting(Oracle):
    """Off by a little in every step, always the same way; the errors of a rollout add up."""

    bias = 4.0

    def after(self, places, block):
        return super().after(places, block) + np.array([self.bias, 0.0])


class ColourBlind(Oracle):
    """Plans well and sees no looks at all."""

    sees_looks = False


class BackgroundReader(ColourBlind):
    """Takes another background for another place, and is never surprised by it.

    It knows no walls, so that a wrong place breaks none of the laws it expects.
    """

    def place(self, places, looks):
        return places + 0.08 * looks[:, :2]

    def after(self, places, block):
        return places + SPEED * np.clip(block, -1, 1).sum(axis=1)


class Startled(ColourBlind):
    """Sees the dot somewhere else in every frame once the background is not white."""

    def place(self, places, looks):
        scatter = np.sin(1e3 * places[:, ::-1])
        return places + 0.3 * scatter * np.abs(looks[:, :1])


class Folded(ColourBlind):
    """Takes the right half of the box for the left one."""

    def place(self, places, looks):
        return np.abs(places - [SIDE / 2, 0])


class Collapsed(Oracle):
    """Maps everything to one point."""

    def encode(self, frames):
        return torch.zeros(len(frames), self.latent_width)

    def _next(self, z, block):
        return torch.zeros_like(z)


class Broken(Oracle):
    """Gives no numbers."""

    def encode(self, frames):
        return super().encode(frames) * float("nan")
