"""How many operations a computation takes, counted where torch carries them out.

A multiplication with its addition counts as two. Counted are matrix products, convolutions and
attention, each in full, also where a mask leaves half of it unused; sums, norms and activations are
not. The counter is torch's own, which on a processor passes over attention and products of a matrix
with a vector: those are added here.
"""

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

_NAMESPACES = ("aten", "prim", "prims")
_OPAQUE = re.compile(
    r"mkldnn|onednn|_native_multi_head|_transformer_encoder|_thnn_fused|_rnn|int_mm|int8|int4"
    r"|sparse|addbmm|linalg_solve"
)
"""Operations of torch itself that do products inside, and that nobody counts."""


class Counted(NamedTuple):
    """What a computation took."""

    operations: int
    not_counted: tuple[str, ...]
    """Kernels that it ran and that cannot be looked into; with any, `operations` is too low."""


def count(compute: Callable[[], object]) -> Counted:
    """Operations of all that `compute` does in torch, in this thread."""
    counter = FlopCounterMode(display=False, custom_mapping=_ALSO_COUNTED)
    with _Watch() as watch, counter:
        compute()
    return Counted(counter.get_total_flops(), tuple(sorted(watch.names)))


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the kernels that no counter knows."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        if func.namespace not in _NAMESPACES or _OPAQUE.search(str(func)):
            self.names.add(str(func.name()))
        return func(*args, **(kwargs or {}))


def _attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    """Scores (B, H, Q, D) by (B, H, N, D), then weights by values (B, H, N, V)."""
    rows: int = math.prod(query[:-1])
    return int(2 * rows * key[-2] * (query[-1] + value[-1]))


def _matrix_by_vector(matrix: Any, vector: Any, *_: Any, **__: Any) -> int:
    return int(2 * math.prod(matrix))


def _added_matrix_by_vector(added: Any, matrix: Any, vector: Any, *_: Any, **__: Any) -> int:
    return int(2 * math.prod(matrix))


def _vector_by_vector(one: Any, other: Any, *_: Any, **__: Any) -> int:
    return int(2 * math.prod(one))


_ALSO_COUNTED: dict[Any, Callable[..., int]] = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    torch.ops.aten._scaled_dot_product_fused_attention_overrideable: _attention,
    torch.ops.aten.mv: _matrix_by_vector,
    torch.ops.aten.addmv: _added_matrix_by_vector,
    torch.ops.aten.dot: _vector_by_vector,
}
