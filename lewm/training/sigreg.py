"""SIGReg: keep latents Gaussian, as seen along random directions.

Shapes in this module:
    B  batch of this rank      T  frames of a window      D  latent width
    M  projections             J  knots

Source: SIGReg of LeJEPA (arXiv:2511.08544) as LeWM (arXiv:2603.19312) applies it; the constants are
those of the official code, which differ from the paper's appendix in the node range ([0, 3], not
[0.2, 4]). Ours differs in how it is computed, not in what: the knots are equally spaced, so one
cosine and one sine per projection are turned from knot to knot, and the backward pass turns them
again instead of keeping J copies.
"""

from typing import Any, cast

import torch
from torch import Tensor

from lewm.training.distributed import mean_over_ranks, num_ranks

NUM_KNOTS = 17
MAX_KNOT = 3.0
_SPACING = MAX_KNOT / (NUM_KNOTS - 1)


def random_directions(
    width: int, count: int, *, generator: torch.Generator, like: Tensor
) -> Tensor:
    """`count` unit vectors as columns, (D, M), on the device and in the dtype of `like`."""
    drawn = torch.randn(width, count, generator=generator).to(like)
    unit: Tensor = drawn / drawn.norm(dim=0, keepdim=True)
    return unit


def sigreg(z: Tensor, directions: Tensor) -> Tensor:
    """Distance of projected latents from a standard normal (Epps-Pulley), times the batch size.

    An ideal batch scores about 1.05 at any B; a complete collapse scores 0.402 B. The batch is that
    of all ranks together.

    Args:
        z: latents, (B, T, D); the statistic is taken over B, separately for each T.
        directions: unit columns, (D, M), the same on every rank.

    Returns:
        A scalar, the mean over T and M.
    """
    knots = torch.linspace(0.0, MAX_KNOT, NUM_KNOTS, dtype=z.dtype, device=z.device)  # (J,)
    target = torch.exp(-0.5 * knots.square())
    weight = torch.full_like(knots, 2 * _SPACING)
    weight[0] = weight[-1] = _SPACING
    waves = cast(Tensor, _MeanWaves.apply(z @ directions))  # type: ignore[no-untyped-call]
    real, imaginary = mean_over_ranks(waves).unbind()  # (J, T, M) each
    error = (real - target[:, None, None]).square() + imaginary.square()
    per_projection = torch.tensordot(weight * target, error, dims=1)  # (T, M)
    statistic: Tensor = len(z) * num_ranks() * per_projection.mean()
    return statistic


class _MeanWaves(torch.autograd.Function):
    """Mean over B of cos(t p) and sin(t p) at every knot t: p (B, T, M) to (2, J, T, M)."""

    @staticmethod
    def forward(ctx: Any, projected: Tensor) -> Tensor:
        angle = _SPACING * projected
        cos, sin = angle.cos(), angle.sin()
        ctx.save_for_backward(cos, sin)
        means = projected.new_empty(2, NUM_KNOTS, *projected.shape[1:])
        means[0, 0], means[1, 0] = 1.0, 0.0
        at_cos, at_sin = cos, sin
        for knot in range(1, NUM_KNOTS):
            torch.mean(at_cos, dim=0, out=means[0, knot])
            torch.mean(at_sin, dim=0, out=means[1, knot])
            if knot < NUM_KNOTS - 1:
                at_cos, at_sin = _turn(at_cos, at_sin, cos, sin)
        return means

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        cos, sin = ctx.saved_tensors
        to_cos, to_sin = grads[0].unbind()
        at_cos, at_sin = cos, sin
        total = torch.zeros_like(cos)
        for knot in range(1, NUM_KNOTS):
            total.addcmul_(at_cos, to_sin[knot], value=knot)
            total.addcmul_(at_sin, to_cos[knot], value=-knot)
            if knot < NUM_KNOTS - 1:
                at_cos, at_sin = _turn(at_cos, at_sin, cos, sin)
        return total.mul_(_SPACING / len(cos))


def _turn(at_cos: Tensor, at_sin: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine of the sum of two angles."""
    return (
        torch.addcmul(at_cos * cos, at_sin, sin, value=-1),
        torch.addcmul(at_sin * cos, at_cos, sin),
    )
