"""Linear layers for inference: weight laid out once, activation fused, library measured.

Shapes in this module:
    R  rows            I  width in            O  width out

On some processors the library behind `torch.nn.functional.linear` leaves half of the speed unused
that oneDNN reaches with a weight it may lay out itself (facts: 2.3 times in float32 on one AMD
machine). Which one is faster is measured, never read off the vendor's name.
"""

import time
from collections.abc import Callable
from functools import cache
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Activation = Literal["none", "gelu", "swish"]
Library = Literal["torch", "onednn"]
Linear = Callable[[Tensor], Tensor]
"""(R, I) to (R, O)."""

_GAIN_REQUIRED = 1.3
"""oneDNN must be faster by this factor, so that the choice is the same at every start."""


class TorchLinear:
    """`activation(x W^T + b)` by torch's own linear."""

    def __init__(self, weight: Tensor, bias: Tensor | None, activation: Activation) -> None:
        self._weight, self._bias, self._activation = weight.contiguous(), bias, activation

    def __call__(self, x: Tensor) -> Tensor:
        y = F.linear(x, self._weight, self._bias)
        if self._activation == "gelu":
            return F.gelu(y)
        return F.silu(y) if self._activation == "swish" else y


class PackedLinear:
    """`activation(x W^T + b)` by oneDNN, from a copy of the weight in oneDNN's own layout.

    The copy does not follow later changes of the weight.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        activation: Activation,
        *,
        typical_rows: int = 256,
    ) -> None:
        self._weight = torch.ops.mkldnn._reorder_linear_weight(
            weight.detach().contiguous(), typical_rows
        )
        self._bias = None if bias is None else bias.detach().clone()
        self._activation = activation
        self._algorithm = "none" if activation == "gelu" else ""  # "none": by erf, not tanh

    def __call__(self, x: Tensor) -> Tensor:
        y: Tensor = torch.ops.mkldnn._linear_pointwise(
            x, self._weight, self._bias, self._activation, [], self._algorithm
        )
        return y


class Bfloat16Linear:
    """`PackedLinear` in bfloat16, float32 in and out: about three digits, for those who ask."""

    def __init__(self, weight: Tensor, bias: Tensor | None, activation: Activation) -> None:
        low_bias = None if bias is None else bias.bfloat16()
        self._linear = PackedLinear(weight.bfloat16(), low_bias, activation)

    def __call__(self, x: Tensor) -> Tensor:
        return self._linear(x.bfloat16()).float()


@cache
def packing_works() -> bool:
    """Whether this torch has oneDNN's packed linear layer and it gives the right numbers."""
    x, weight, bias = torch.ones(2, 16), torch.full((32, 16), 0.5), torch.ones(32)
    try:
        y = PackedLinear(weight, bias, "gelu")(x)
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
    return torch.allclose(y, F.gelu(F.linear(x, weight, bias)), atol=1e-5)


@cache
def faster_library(width_in: int, width_out: int, num_rows: int, num_threads: int) -> Library:
    """The faster library for a linear layer of this shape, from about 20 ms of measurement.

    Measured once per process, with the number of threads that is set now; `num_threads` only tells
    measurements apart.
    """
    del num_threads
    if not packing_works():
        return "torch"
    x, weight = torch.ones(num_rows, width_in), torch.ones(width_out, width_in)
    contenders: tuple[Linear, ...] = (
        TorchLinear(weight, None, "none"),
        PackedLinear(weight, None, "none"),
    )
    best = [float("inf"), float("inf")]
    with torch.no_grad():
        for _ in range(7):
            for index, linear in enumerate(contenders):
                start = time.perf_counter()
                linear(x)
                best[index] = min(best[index], time.perf_counter() - start)
    return "onednn" if best[0] > _GAIN_REQUIRED * best[1] else "torch"
