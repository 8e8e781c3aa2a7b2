"""Models whose latents or predictions give away to one monitor what another cannot see."""

import numpy as np
import torch

from tests.known_models.models import Oracle
from tests.known_models.world import SIDE


class OnAShell(Oracle):
    """Latents lie on the shell of radius 2, and farther out the more unusual the picture looks."""

    latent_width = 4

    def encode(self, frames):
        seen = super().encode(frames).double().numpy()
        longer = 1 + np.abs(seen[:, 2:]).max(axis=1, keepdims=True) / 50
        return torch.from_numpy(longer * self._on_the_shell(seen[:, :2])).float()

    def _next(self, z, block):
        far = z.double().numpy()
        places = np.arctan2(far[:, 1::2], far[:, ::2]) * SIDE / np.pi
        after = self._on_the_shell(self.after(places, block.double().numpy()))
        return torch.from_numpy(np.linalg.norm(far, axis=1, keepdims=True) / 2 * after).to(z)

    def _on_the_shell(self, places):
        angles = places * np.pi / SIDE
        return np.sqrt(2) * np.stack([np.cos(angles), np.sin(angles)], axis=-1).reshape(-1, 4)


class Doubtful(Oracle):
    """Sure of what it knows; with dropout, less sure the more unusual the picture looks."""

    def predict_with_dropout(self, z, blocks, seed):
        noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(seed))
        return self.predict(z, blocks) + noise * z[..., 2:].abs().amax(dim=-1, keepdim=True)
