"""What a checkpoint is, by digest: of its bytes, and of its tensors whatever file they are in.

A file digest answers "is this the file I was given"; a tensor digest answers "are these the numbers
that were measured" and survives a change of container format (facts/governance.md 2). Takes byte
buffers, so that nothing here needs torch or numpy.
"""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from envelope.errors import BadFile
from envelope.strict import canonical, load_json

TENSOR_DIGEST = "envelopeTensorDigestV1"
"""Key of a tensor digest in a subject: its own, so that nobody takes it for a file's sha256."""

ITEM_BYTES = {
    **dict.fromkeys(("BOOL", "U8", "I8"), 1),
    **dict.fromkeys(("F8_E4M3", "F8_E4M3FNUZ", "F8_E5M2", "F8_E5M2FNUZ", "F8_E8M0"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 8),
}
"""Bytes per element of each accepted dtype, by its safetensors code."""

MAX_HEADER_BYTES = 16 * 2**20

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True)
class TensorEntry:
    """One tensor as the tensor digest sees it."""

    name: str
    dtype: str
    """A safetensors code, such as `F32`."""
    shape: tuple[int, ...]
    sha256: str
    """Of the contiguous little-endian bytes, in hexadecimal."""


def bytes_sha256(data: Buffer) -> str:
    """SHA-256 of bytes in memory, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, read once and never held in memory whole.

    To load what was hashed, read the file into memory and use `bytes_sha256` on that.

    Raises:
        BadFile: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadFile(f"cannot read {path}: {error.strerror}", next_step="check the path") from None


def tensor_entry(name: str, dtype_code: str, shape: Sequence[int], buffer: Buffer) -> TensorEntry:
    """Describe one tensor.

    Args:
        name: as in the module's own listing; list every alias of a tied weight.
        dtype_code: a key of `ITEM_BYTES`.
        shape: sizes, outermost first; empty for a scalar.
        buffer: the elements, contiguous and little-endian.

    Raises:
        ValueError: an unknown dtype, or a buffer whose length does not fit the shape.
    """
    if dtype_code not in ITEM_BYTES:
        raise ValueError(f"tensor {name!r} has dtype {dtype_code}, which has no digest")
    if any(size < 0 for size in shape):
        raise ValueError(f"tensor {name!r} has a negative size in its shape {list(shape)}")
    view = memoryview(buffer)
    view = view.cast("B") if view.nbytes else memoryview(b"")  # an empty view cannot be cast
    expected = math.prod(shape) * ITEM_BYTES[dtype_code]
    if len(view) != expected:
        raise ValueError(
            f"tensor {name!r} has {len(view)} bytes; {dtype_code} {list(shape)} needs {expected}"
        )
    return TensorEntry(name, dtype_code, tuple(shape), bytes_sha256(view))


def state_digest(entries: Iterable[TensorEntry], prefix: str | None = None) -> str:
    """Tensor digest, version 1: SHA-256 of the RFC 8785 list of entries, sorted by name.

    Args:
        entries: all tensors of a model, in any order.
        prefix: take only names that begin so, such as `encoder.`; names stay whole.

    Returns:
        64 hexadecimal digits.

    Raises:
        ValueError: a name occurs twice, or no tensor is left: nothing must not have a digest.
    """
    chosen = sorted(
        (entry for entry in entries if prefix is None or entry.name.startswith(prefix)),
        key=lambda entry: entry.name,
    )
    if not chosen:
        raise ValueError("no tensor to digest" + (f" begins with {prefix!r}" if prefix else ""))
    for one, other in pairwise(chosen):
        if one.name == other.name:
            raise ValueError(f"tensor {one.name!r} is listed twice")
    return bytes_sha256(canonical([asdict(entry) for entry in chosen]))


# --- safetensors ------------------------------------------------------------------------------


def safetensors_entries(data: Buffer, name: str) -> list[TensorEntry]:
    """Describe every tensor of a safetensors file.

    Args:
        data: the whole file.
        name: what to call the file in messages.

    Raises:
        BadFile: not safetensors, or a header that leaves any byte of the file unexplained or
            explained twice.
    """
    header, body = _split(memoryview(data).cast("B"), name)
    entries = []
    end_before = 0
    for begin, end, tensor, dtype, shape in sorted(_spans(header, name)):
        if begin != end_before:
            what = "overlaps the one before it" if begin < end_before else "leaves a gap before it"
            raise _bad(name, f"tensor {tensor!r} at bytes {begin} to {end} {what}")
        if end > len(body):
            raise _bad(name, f"tensor {tensor!r} ends at byte {end} of only {len(body)}")
        try:
            entries.append(tensor_entry(tensor, dtype, shape, body[begin:end]))
        except ValueError as error:
            raise _bad(name, str(error)) from None
        end_before = end
    if end_before != len(body):
        raise _bad(name, f"{len(body) - end_before} bytes after the last tensor belong to none")
    return entries


def _split(view: memoryview, name: str) -> tuple[dict[str, Any], memoryview]:
    if len(view) < 8:
        raise _bad(name, f"{len(view)} bytes are too few for a header")
    length = int.from_bytes(view[:8], "little")
    if length > MAX_HEADER_BYTES:
        raise _bad(name, f"a header of {length} bytes; at most {MAX_HEADER_BYTES} are read")
    if length > len(view) - 8:
        raise _bad(name, f"a header of {length} bytes in a file of {len(view)}")
    # Tensor names are data, and two that differ only in case are two tensors.
    header = load_json(bytes(view[8 : 8 + length]), f"header of {name}", case_variants=True)
    return header, view[8 + length :]


_Span = tuple[int, int, str, str, list[int]]


def _spans(header: dict[str, Any], name: str) -> list[_Span]:
    spans: list[_Span] = []
    for tensor, entry in header.items():
        if tensor == "__metadata__":
            continue
        match entry:
            case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [begin, end], **other}:
                numbers = [*shape, begin, end]
                plain = all(type(number) is int and number >= 0 for number in numbers)
                if not other and plain and begin <= end:
                    spans.append((begin, end, tensor, dtype, shape))
                    continue
        raise _bad(name, f"tensor {tensor!r} is not described by dtype, shape and data_offsets")
    return spans


def _bad(name: str, problem: str) -> BadFile:
    return BadFile(
        f"{name} is not a sound safetensors file: {problem}",
        next_step="export the checkpoint again, or check that the copy is complete",
    )
