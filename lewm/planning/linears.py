"""Linear layers for inference: weight laid out once, activation fused, library measured.

Shapes in this module:
    R  rows            I  width in            O  width out

On some processors the library behind `torch.nn.functional.linear` leaves half of the speed unused
that oneDNN reaches with a weight it may lay out itself (facts: 2.3 times in float32 on one AMD
machine). Which one is faster is measured, never read off the vendor's name.
"""

from collections.abc import Callable
from functools import cache
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from lewm.planning.kernel_memory import remembered
from lewm.speedup import speedup

Activation = Literal["none", "gelu", "swish"]
Library = Literal["torch", "onednn"]
Linear = Callable[[Tensor], Tensor]
"""(R, I) to (R, O)."""
MakeLinear = Callable[[Tensor, Tensor | None, Activation], Linear]
"""From weight (O, I) in any precision, bias (O,) and activation to the layer."""

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
    """A linear layer in bfloat16: about three digits, for those who ask.

    What an activation gives stays in bfloat16, for the product that follows; else float32.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        activation: Activation,
        kind: type[TorchLinear] | type[PackedLinear],
    ) -> None:
        low_bias = None if bias is None else bias.bfloat16()
        self._linear = kind(weight.bfloat16(), low_bias, activation)
        self._stays_low = activation != "none"

    def __call__(self, x: Tensor) -> Tensor:
        y = self._linear(x.bfloat16())
        return y if self._stays_low else y.float()


def make_linear_by(library: Library, precision: str) -> MakeLinear:
    """Linear layers by this library; `precision` is bfloat16, else float32."""
    kind = PackedLinear if library == "onednn" else TorchLinear

    def make(weight: Tensor, bias: Tensor | None, activation: Activation) -> Linear:
        single = weight.float(), None if bias is None else bias.float()
        if precision == "bfloat16":
            return Bfloat16Linear(*single, activation, kind)
        return kind(*single, activation)

    return make


@cache
def packing_works() -> bool:
    """Whether this torch has oneDNN's packed linear layer and it gives the right numbers."""
    x, weight, bias = torch.ones(2, 16), torch.full((32, 16), 0.5), torch.ones(32)
    try:
        y = PackedLinear(weight, bias, "gelu")(x)
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
    return torch.allclose(y, F.gelu(F.linear(x, weight, bias)), atol=1e-5)


def faster_library(width_in: int, width_out: int, num_rows: int = 150) -> Library:
    """The faster library for a linear layer of this shape in the calling thread; measured once."""
    if not packing_works():
        return "torch"
    x, weight = torch.ones(num_rows, width_in), torch.ones(width_out, width_in)
    by_torch, by_onednn = TorchLinear(weight, None, "none"), PackedLinear(weight, None, "none")

    def faster() -> str:
        with torch.no_grad():
            gain = speedup(lambda: by_torch(x), lambda: by_onednn(x))
        return "onednn" if gain > _GAIN_REQUIRED else "torch"

    answer = remembered(f"linear {width_in} to {width_out}, {num_rows} rows", faster)
    return "onednn" if answer == "onednn" else "torch"
