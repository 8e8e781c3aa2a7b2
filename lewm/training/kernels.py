"""Matrix products in float32 on a processor, by whichever library is faster here.

Shapes in this module:
    N  rows (tokens)      I  width in      O  width out

PyTorch gives float32 products to MKL, which on some processors leaves half of the machine unused;
oneDNN, which PyTorch also carries, may not (facts/environments.md section 2). `choose` measures
both. The two round differently, so a run keeps what it chose and its record says which.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lewm.speedup import speedup
from lewm.training.distributed import gather_to_all

Kernels = Literal["torch", "onednn"]

_MIN_ROWS = 64
"""Fewer rows are bound by reading the weight, whoever multiplies."""
_WORTH_IT = 1.4
"""oneDNN must be this much faster: what machines differ by (about 1 or above 2) is then never near
the limit, and one machine always chooses the same."""


def available() -> bool:
    """Is oneDNN's product in this build of PyTorch?"""
    built: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return built and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`F.linear` through oneDNN where it can be: x (..., I), weight (O, I), bias (O,)."""
    rows = x.numel() // x.shape[-1]
    plain = x.dtype == weight.dtype == torch.float32 and x.device.type == "cpu"
    if not plain or rows < _MIN_ROWS or torch.is_autocast_enabled("cpu"):
        return F.linear(x, weight, bias)
    return cast(Tensor, _Linear.apply(x, weight, bias))  # type: ignore[no-untyped-call]


@contextmanager
def linear_layers(model: nn.Module, kernels: Kernels) -> Iterator[None]:
    """Inside, the linear layers of `model` multiply with `kernels`; afterwards as before."""
    layers = [module for module in model.modules() if type(module) is nn.Linear]
    if kernels == "torch":
        layers = []
    for layer in layers:
        layer.forward = _bound(layer)  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def choose() -> Kernels:
    """The faster of the two for a training product and its two gradients, by measuring them."""
    if not available():
        return "torch"
    rows, width = 2048, 192
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(rows, width, generator=generator).requires_grad_()
    weight = torch.randn(4 * width, width, generator=generator).requires_grad_()

    def train(product: Callable[[Tensor, Tensor, None], Tensor]) -> None:
        product(x, weight, None).sum().backward()  # type: ignore[no-untyped-call]

    gain = speedup(lambda: train(F.linear), lambda: train(linear))
    return "onednn" if gain > _WORTH_IT else "torch"


def same_everywhere(wanted: str) -> Kernels:
    """`wanted`, or for `auto` what rank 0 chooses, on every rank."""
    if wanted != "auto":
        return cast(Kernels, wanted)
    chosen = torch.tensor([float(choose() == "onednn")])
    return "onednn" if gather_to_all(chosen)[0].item() else "torch"


def _bound(layer: nn.Linear) -> Callable[[Tensor], Tensor]:
    return lambda x: linear(x, layer.weight, layer.bias)


def _product(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """rows (N, I) times weight (O, I) transposed; either may be a transposed view."""
    out: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
    return out


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        x = x.contiguous()
        ctx.save_for_backward(x, weight)
        ctx.has_bias = bias is not None
        return _product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        grad = grads[0].contiguous().flatten(end_dim=-2)  # an expanded one takes oneDNN minutes
        rows = x.flatten(end_dim=-2)
        need_x, need_weight, _ = ctx.needs_input_grad
        to_x = _product(grad, weight.t(), None).view_as(x) if need_x else None
        to_weight = None
        if need_weight:  # oneDNN is faster with the wider operand in the place of the weight
            wide_out = grad.shape[1] > rows.shape[1]
            first, second = (rows, grad) if wide_out else (grad, rows)
            to_weight = _product(first.t(), second.t(), None)
            to_weight = to_weight.t() if wide_out else to_weight
        return to_x, to_weight, grad.sum(dim=0) if ctx.has_bias else None
