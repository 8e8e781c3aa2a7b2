"""Bytes of a `.pt` or `.safetensors` file to named tensors; nothing in them is ever run.

A torch file is a zip of stored bytes around a pickle. Only what `weights_only` lets through is
built, nothing compressed is inflated, and no tensor may claim more bytes than the file has.
"""

import io
import json
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from lewm.checkpoints.model_folder import refuse_object
from lewm.errors import LewmError

_SAFE_TORCH = (2, 10)
_MAX_ENTRIES = 100_000


class Stored(NamedTuple):
    """What a file of weights holds."""

    tensors: dict[str, Tensor]
    text: str | None
    """Our description, as JSON; None in a file that others wrote."""
    is_bare: bool
    """The tensors are the whole content, not nested in anything."""


def parse(path: Path, content: bytes) -> Stored:
    """Read the tensors of a file.

    Args:
        path: where the content came from; its suffix says the format.
        content: the whole file.

    Raises:
        LewmError: truncated, damaged, compressed, pickled code, something else than tensors, or a
            torch that cannot load safely.
    """
    if path.suffix == ".safetensors":
        stored = _parse_safetensors(path, content)
    else:
        stored = _parse_torch(path, content)
    claimed = sum(tensor.numel() * tensor.element_size() for tensor in stored.tensors.values())
    if claimed > len(content):
        raise damaged(path, f"has tensors of {claimed} bytes in a file of {len(content)}")
    for name, tensor in stored.tensors.items():
        plain = tensor.layout is torch.strided and tensor.device.type == "cpu"
        if not plain or tensor.is_quantized or type(tensor) not in (Tensor, nn.Parameter):
            raise damaged(path, f"has {name[:80]} as something else than a plain dense tensor")
    return stored


def require_safe_torch(version: str) -> None:
    """Refuse a torch whose weights-only loading is known to be unsafe.

    Raises:
        LewmError: `version` is below 2.10.
    """
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < _SAFE_TORCH:
        raise LewmError(
            f"torch {version} cannot load a .pt file safely, 2.10 and later can",
            next_step="upgrade torch, or use the .safetensors form of the checkpoint",
        )


def damaged(path: Path, what: str) -> LewmError:
    """A file that is not what it was when it was written."""
    return LewmError(f"{path} {what}", next_step="take the file again from where it came from")


def _parse_torch(path: Path, content: bytes) -> Stored:
    require_safe_torch(torch.__version__)
    _require_stored_zip(path, content)
    try:
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise refuse_object(path) from error
    except Exception as error:  # whoever wrote the bytes chooses how reading them fails
        raise damaged(path, "is truncated or damaged") from error
    if isinstance(loaded, dict) and set(loaded) == {"tensors", "json"}:
        tensors, text = loaded["tensors"], loaded["json"]
        if not _are_tensors(tensors) or not isinstance(text, str):
            raise damaged(path, "holds something else than named tensors and a JSON text")
        return Stored(tensors, text, is_bare=False)
    nested = isinstance(loaded, dict) and "state_dict" in loaded
    tensors = loaded["state_dict"] if nested else loaded
    if not _are_tensors(tensors):
        raise damaged(path, "is a torch file without our `tensors` and `json`, and no state dict")
    return Stored(dict(tensors), None, is_bare=not nested)


def _require_stored_zip(path: Path, content: bytes) -> None:
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise damaged(path, "is truncated, or was not written by torch.save")
    try:
        entries = zipfile.ZipFile(io.BytesIO(content)).infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise damaged(path, "is truncated or damaged") from error
    inflated = sum(entry.file_size for entry in entries)
    packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
    if packed or inflated > len(content) or len(entries) > _MAX_ENTRIES:
        raise damaged(
            path,
            f"packs {inflated} bytes in {len(entries)} entries into a file of {len(content)}; "
            "torch.save compresses nothing",
        )


def _parse_safetensors(path: Path, content: bytes) -> Stored:
    try:
        tensors = safetensors.torch.load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    except (SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise damaged(path, "is truncated, or is not a safetensors file") from error
    text = header.get("__metadata__", {}).get("json")
    return Stored(tensors, text, is_bare=text is None)


def _are_tensors(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(name, str) and isinstance(t, Tensor) for name, t in value.items())
    )
