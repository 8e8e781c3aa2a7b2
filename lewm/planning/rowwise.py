"""What lies between the matrix products of the packed predictor: by torch, or compiled from C.

Shapes in this module:
    R  rows        W  token width        I  attention width (heads x head width)

torch needs a pass over memory per operation; `rowwise.c` needs one for all. It is compiled where
there is a C compiler, into a private folder that is deleted at once, in about a quarter of a
second; without a compiler torch does the same to rounding.
"""

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

_INNER_EPS = 1e-6
_EPS = 1e-5
_SOURCE = Path(__file__).with_name("rowwise.c")
_FLAGS = ("-O3", "-march=native", "-fopenmp-simd", "-fno-math-errno", "-shared", "-fPIC")


class Rowwise(Protocol):
    """The operations between matrix products; both work on whole rows of float32."""

    def add_and_normalize(
        self,
        x: Tensor,
        branch: Tensor | None,
        gate: Tensor | None,
        scale: Tensor | None,
        shift: Tensor | None,
        out: Tensor,
    ) -> None:
        """x += gate * branch, in place; out = norm(norm(x) * scale + shift), or norm(x).

        Args:
            x, out: (R, W), contiguous.
            branch, gate: (R, W), or None together.
            scale, shift: (R, W), or None together: then the norm is taken once.
        """

    def attend(
        self, query: Tensor, keys: Sequence[Tensor], values: Sequence[Tensor], out: Tensor
    ) -> None:
        """Attention of one query per row, scaled already, over the given tokens.

        Args:
            query: (R, I).
            keys: of tokens 1, 2, ... less the key of token 0, (R, I) or (1, I) each.
            values: of tokens 0, 1, 2, ..., (R, I) or (1, I) each.
            out: (R, I), contiguous.
        """


class TorchRowwise:
    """`Rowwise` by torch."""

    def __init__(self, heads: int) -> None:
        self._heads = heads

    def add_and_normalize(
        self,
        x: Tensor,
        branch: Tensor | None,
        gate: Tensor | None,
        scale: Tensor | None,
        shift: Tensor | None,
        out: Tensor,
    ) -> None:
        if branch is not None and gate is not None:
            x.addcmul_(gate, branch)
        y, width = x, x.shape[-1:]
        if scale is not None and shift is not None:
            y = torch.addcmul(shift, F.layer_norm(y, width, eps=_INNER_EPS), scale)
        out.copy_(F.layer_norm(y, width, eps=_EPS))

    def attend(
        self, query: Tensor, keys: Sequence[Tensor], values: Sequence[Tensor], out: Tensor
    ) -> None:
        q = self._split(query)
        scores = [(q * self._split(key)).sum(dim=-1) for key in keys]
        weights = torch.stack([torch.zeros_like(scores[0]), *scores]).softmax(dim=0)[..., None]
        mixed = weights[0] * self._split(values[0])
        for weight, value in zip(weights[1:], values[1:], strict=True):
            mixed.addcmul_(weight, self._split(value))
        out.copy_(mixed.flatten(start_dim=-2))

    def _split(self, rows: Tensor) -> Tensor:
        return rows.reshape(len(rows), self._heads, -1)


class CompiledRowwise:
    """`Rowwise` by the compiled functions; rows must be contiguous, their stride is free."""

    def __init__(self, library: ctypes.CDLL, heads: int) -> None:
        self._library = library
        self._heads = heads

    def add_and_normalize(
        self,
        x: Tensor,
        branch: Tensor | None,
        gate: Tensor | None,
        scale: Tensor | None,
        shift: Tensor | None,
        out: Tensor,
    ) -> None:
        self._library.add_and_normalize(
            *x.shape,
            x.data_ptr(),
            *_pointer_and_stride(branch),
            *_pointer_and_stride(gate),
            _pointer_and_stride(scale)[0],
            *_pointer_and_stride(shift),
            _INNER_EPS,
            _EPS,
            out.data_ptr(),
        )

    def attend(
        self, query: Tensor, keys: Sequence[Tensor], values: Sequence[Tensor], out: Tensor
    ) -> None:
        rows, width = query.shape
        num_keys = len(values)
        key_pointers, key_strides = _pointers_and_strides([values[0], *keys])
        value_pointers, value_strides = _pointers_and_strides(values)
        self._library.attend(
            rows,
            self._heads,
            width // self._heads,
            num_keys,
            query.data_ptr(),
            query.stride(0),
            key_pointers,
            key_strides,
            value_pointers,
            value_strides,
            out.data_ptr(),
        )


def make_rowwise(heads: int) -> Rowwise:
    """The compiled operations where there is a C compiler, torch's otherwise."""
    library = compiled()
    return TorchRowwise(heads) if library is None else CompiledRowwise(library, heads)


@cache
def compiled() -> ctypes.CDLL | None:
    """The functions of `rowwise.c`, compiled for this machine; None without a C compiler."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "rowwise.so"
        command = [compiler, *_FLAGS, str(_SOURCE), "-lm", "-o", str(target)]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=60)
            library = ctypes.CDLL(str(target))
        except (OSError, subprocess.SubprocessError):
            return None
    long, pointer, real = ctypes.c_long, ctypes.c_void_p, ctypes.c_float
    pair = (pointer, long)
    library.add_and_normalize.argtypes = (
        *(long, long, pointer, *pair, *pair, pointer, *pair, real, real, pointer),
    )
    library.attend.argtypes = (
        *(long, long, long, long, *pair, pointer, pointer, pointer, pointer, pointer),
    )
    library.add_and_normalize.restype = library.attend.restype = None
    return library


def _pointer_and_stride(rows: Tensor | None) -> tuple[int | None, int]:
    return (None, 0) if rows is None else (rows.data_ptr(), _row_stride(rows))


def _pointers_and_strides(
    tokens: Sequence[Tensor],
) -> tuple[ctypes.Array[ctypes.c_void_p], ctypes.Array[ctypes.c_long]]:
    pointers = (ctypes.c_void_p * len(tokens))(*[token.data_ptr() for token in tokens])
    return pointers, (ctypes.c_long * len(tokens))(*map(_row_stride, tokens))


def _row_stride(rows: Tensor) -> int:
    return rows.stride(0) if rows.shape[0] > 1 else 0
