"""Many futures from one moment: what a planner asks of a world model, once per plan.

Shapes in this module:
    N  cases            S  candidates      H  real frames, one model step apart
    T  model steps      K  env steps per action block
    A  action width     D  latent width

Blocks are z-scored here. What does not depend on the candidates is computed when an imagination is
made, so that a search pays for it once and not in every iteration.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from lewm.build import WorldModelModule


class Imagination(Protocol):
    """Where candidates lead, from the moment this was made for."""

    def __call__(self, candidates: Tensor, *, every_step: bool) -> Tensor:
        """Latents after candidates (N, S, T, K, A), z-scored.

        Returns:
            The last latents, (N, S, D); all of them, (N, S, T, D), if `every_step`.
        """
        ...


ImaginationFactory = Callable[[WorldModelModule, Tensor, Tensor], Imagination]
"""From a model, latents of real frames (N, H, D) and the blocks executed between them, z-scored,
(N, H - 1, K, A)."""


class PlainImagination:
    """Repeats the moment for every candidate and asks the model; gradients reach the candidates."""

    def __init__(self, model: WorldModelModule, z: Tensor, past: Tensor) -> None:
        self._model = model
        self._z = z
        self._past = past

    def __call__(self, candidates: Tensor, *, every_step: bool) -> Tensor:
        num_samples = candidates.shape[1]
        z = self._z.repeat_interleave(num_samples, dim=0)  # (N * S, H, D)
        past = self._past.repeat_interleave(num_samples, dim=0)
        blocks = torch.cat([past, candidates.flatten(end_dim=1)], dim=1)
        imagine = self._model.rollout if every_step else self._model.terminal
        imagined: Tensor = imagine(z, blocks)
        return imagined.reshape(*candidates.shape[:2], *imagined.shape[1:])
