"""The training objective: predict the next latent, keep latents Gaussian.

Shapes in this module:
    B  batch      T  frames of a window      D  latent width      M  projections      J  knots

Source: SIGReg of LeJEPA as LeWM (arXiv:2603.19312) applies it; the constants are those of the
official code, which differ from the paper's appendix in the node range ([0, 3], not [0.2, 4]).
"""

import torch
from torch import Tensor

NUM_KNOTS = 17
MAX_KNOT = 3.0


def prediction_loss(z_hat: Tensor, z: Tensor) -> Tensor:
    """Mean squared error of z_hat (B, T-1, D) against the latents z (B, T, D) that followed.

    Gradients flow through both; SIGReg is what keeps the latents from collapsing.
    """
    loss: Tensor = (z_hat - z[:, 1:]).square().mean()
    return loss


def random_directions(
    width: int, count: int, *, generator: torch.Generator, like: Tensor
) -> Tensor:
    """`count` unit vectors as columns, (D, M), on the device and in the dtype of `like`."""
    drawn = torch.randn(width, count, generator=generator).to(like)
    unit: Tensor = drawn / drawn.norm(dim=0, keepdim=True)
    return unit


def sigreg(z: Tensor, directions: Tensor) -> Tensor:
    """Distance of projected latents from a standard normal (Epps-Pulley), times the batch size.

    An ideal batch scores about 1.05 at any B; a complete collapse scores 0.402 B.

    Args:
        z: latents, (B, T, D); the statistic is taken over B, separately for each T.
        directions: unit columns, (D, M).

    Returns:
        A scalar, the mean over T and M.
    """
    knots = torch.linspace(0.0, MAX_KNOT, NUM_KNOTS, dtype=z.dtype, device=z.device)  # (J,)
    target = torch.exp(-0.5 * knots.square())
    spacing = MAX_KNOT / (NUM_KNOTS - 1)
    weight = torch.full_like(knots, 2 * spacing)
    weight[0] = weight[-1] = spacing
    angles = (z @ directions)[..., None] * knots  # (B, T, M, J)
    real = angles.cos().mean(dim=0) - target
    imaginary = angles.sin().mean(dim=0)
    error = (real.square() + imaginary.square()) @ (weight * target)  # (T, M)
    statistic: Tensor = len(z) * error.mean()
    return statistic
