"""The training objective: predict the next latent, and keep latents from collapsing.

Shapes in this module:
    B  batch of this rank      T  frames of a window      D  latent width

Source: LeWM (arXiv:2603.19312), whose regularizer is SIGReg. The others are there to be compared:
`none` shows the collapse.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lewm.training import regularizers
from lewm.training.schedule import sigreg_weight
from lewm.training.sigreg import random_directions, sigreg
from lewm.training.train_config import TrainConfig

__all__ = ["Losses", "Objective", "prediction_loss", "random_directions", "sigreg"]


def prediction_loss(z_hat: Tensor, z: Tensor) -> Tensor:
    """Mean squared error of z_hat (B, T-1, D) against the latents z (B, T, D) that followed.

    Gradients flow through both; the regularizer is what keeps the latents from collapsing.
    """
    loss: Tensor = (z_hat - z[:, 1:]).square().mean()
    return loss


@dataclass(frozen=True)
class Losses:
    """The loss of one update on this rank, and its parts; scalars."""

    total: Tensor
    prediction: Tensor
    regularizer: Tensor
    """What is added to the prediction loss, its weights inside."""
    sigreg: Tensor | None
    """The statistic, without weight; None where another regularizer is at work."""


_Term = tuple[float, Callable[[Tensor], Tensor]]


class Objective:
    """The loss that `config` describes.

    SIGReg draws new directions at each call, from the seed; they are the same on every rank.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.directions = torch.Generator().manual_seed(config.seed)

    def __call__(self, z: Tensor, z_hat: Tensor, *, update: int) -> Losses:
        """Losses of update number `update` for latents z (B, T, D) and z_hat (B, T-1, D)."""
        z, z_hat = (x.float() if x.dtype == torch.bfloat16 else x for x in (z, z_hat))
        predicted = prediction_loss(z_hat, z)
        statistic = None
        if self.config.regularizer == "sigreg":
            statistic = sigreg(z, self.draw(z))
            added = sigreg_weight(update, self.config) * statistic
        else:
            terms = self._terms()
            added = sum((weight * term(z) for weight, term in terms), start=z.new_zeros(()))
        return Losses(predicted + added, predicted, added, statistic)

    def draw(self, z: Tensor) -> Tensor:
        """The next directions for latents like z (B, T, D): unit columns, (D, M)."""
        return random_directions(
            z.shape[-1], self.config.num_projections, generator=self.directions, like=z
        )

    def _terms(self) -> list[_Term]:
        config = self.config
        spread: list[_Term] = [
            (config.variance_weight, regularizers.variance_term),
            (config.covariance_weight, regularizers.covariance_term),
        ]
        time: list[_Term] = [
            (config.similarity_weight, regularizers.similarity_term),
            (config.temporal_variance_weight, regularizers.temporal_variance_term),
        ]
        spectrum: list[_Term] = [(config.spectral_weight, regularizers.spectral_term)]
        return {"vicreg": spread, "pldm": spread + time, "spectral": spectrum, "none": []}[
            config.regularizer
        ]
