"""What else can keep latents from collapsing: variance, covariance, time and spectrum terms.

Shapes in this module:
    B  batch of this rank      T  frames of a window      D  latent width

Statistics over a batch are those of all ranks together (`lewm.training.distributed`).

Sources: VICReg (arXiv:2105.04906) for the variance and covariance terms; PLDM (arXiv:2502.14819)
for their use in a world model and for the two terms over time. Where the papers leave a
normalization open, it is the one under which LeWM's authors tuned PLDM's coefficients
(facts/systems.md section 6), so that their coefficients mean here what they meant there.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from lewm.training.distributed import mean_over_ranks, num_ranks

_VARIANCE_FLOOR = 1e-4
_SHARE_FLOOR = 1e-12


def variance_term(z: Tensor) -> Tensor:
    """How far each dimension's spread over the batch falls short of 1; 0 from 1 upward.

    Mean over T and D of max(0, 1 - sqrt(var + 1e-4)) with the unbiased variance; z (B, T, D).
    """
    rows = len(z) * num_ranks()
    var = mean_over_ranks(_centred(z).square().mean(dim=0)) * rows / (rows - 1)
    return _shortfall(var)


def covariance_term(z: Tensor) -> Tensor:
    """Mean square of the covariances between different dimensions, averaged over T; z (B, T, D)."""
    width = z.shape[-1]
    if width == 1:
        return z.new_zeros(())
    rows = len(z) * num_ranks()
    covariance = _covariance(_centred(z).transpose(0, 1)) * rows / (rows - 1)
    squares = covariance.square()  # (T, D, D)
    off_diagonal = squares.sum(dim=(1, 2)) - squares.diagonal(dim1=1, dim2=2).sum(dim=1)
    return (off_diagonal / (width * width - width)).mean()


def similarity_term(z: Tensor) -> Tensor:
    """Mean squared change from one frame to the next; z (B, T, D)."""
    return mean_over_ranks((z[:, 1:] - z[:, :-1]).square().mean())


def temporal_variance_term(z: Tensor) -> Tensor:
    """`variance_term` with window and batch exchanged: the spread over T of each window.

    The batch's mean at each frame is taken off first; z (B, T, D).
    """
    return mean_over_ranks(_shortfall(_centred(z).var(dim=1)))


def spectral_term(z: Tensor) -> Tensor:
    """Divergence of the spectrum of the latents from a flat one, in nats; from 0 to log D.

    KL(p || uniform) = log D + sum p log p, where p are the squared singular values of the batch
    matrix (B T, D), its mean taken off, divided by their sum. It has no scale: it cannot stop the
    norm from collapsing and says nothing of mean or shape.

    Source: the regularizer of the variant that the survey article describes (facts/systems.md
    section 12), which weighs it with 0.1.
    """
    flat = z.flatten(end_dim=1)
    centred = flat - mean_over_ranks(flat.mean(dim=0))
    power = torch.linalg.eigvalsh(_covariance(centred[None])[0]).clamp(min=0)  # (D,)
    share = (power / power.sum().clamp(min=_SHARE_FLOOR)).clamp(min=_SHARE_FLOOR)
    divergence: Tensor = math.log(z.shape[-1]) + (share * share.log()).sum()
    return divergence


def _centred(z: Tensor) -> Tensor:
    return z - mean_over_ranks(z.mean(dim=0))


def _covariance(rows: Tensor) -> Tensor:
    """Mean outer product over all ranks of rows (..., N, D): (..., D, D)."""
    return mean_over_ranks(rows.transpose(-1, -2) @ rows / rows.shape[-2])


def _shortfall(var: Tensor) -> Tensor:
    return F.relu(1 - (var + _VARIANCE_FLOOR).sqrt()).mean()
