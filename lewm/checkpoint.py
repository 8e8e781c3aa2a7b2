"""Checkpoints: tensors and JSON, never code.

One `.pt` file is `torch.save({"tensors": {...}, "json": "..."})`; one `.safetensors` file carries
the same JSON in its metadata. Loading reads the file once, hashes those bytes and parses only them.
"""

import hashlib
import io
import json
import os
import pickle
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from lewm.build import WorldModelModule, build
from lewm.config import ModelConfig
from lewm.data import ActionStats
from lewm.errors import LewmError
from lewm.plan_config import PlanConfig

FORMAT = "lewm-checkpoint/1"
_FIELDS = {"format", "model", "action_stats", "world", "planner", "training", "tuning"}
_SAFE_TORCH = (2, 10)


@dataclass(frozen=True)
class Checkpoint:
    """Everything a checkpoint file says."""

    config: ModelConfig
    tensors: dict[str, Tensor]
    action_stats: ActionStats
    world: dict[str, Any]
    """Scope of the world the model was trained in: name, frame size, factors off their defaults."""
    plan_config: PlanConfig
    training: dict[str, Any]
    tuning: list[dict[str, Any]] = field(default_factory=list)
    """What was done to the weights after training, in order."""
    sha256: str = ""
    """Of the bytes this was loaded from; empty before saving."""

    def model(self) -> WorldModelModule:
        """The model in evaluation mode."""
        with torch.device("meta"):
            model = build(self.config)
        model.load_state_dict(self.tensors, strict=True, assign=True)
        return model.eval().requires_grad_(False)


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> str:
    """Write a `.pt` or `.safetensors` file, whole or not at all; the same content, the same bytes.

    Returns:
        The SHA-256 of the file, in hexadecimal.

    Raises:
        LewmError: the suffix is neither.
    """
    tensors = {
        name: tensor.detach().cpu().contiguous().clone()
        for name, tensor in checkpoint.tensors.items()
    }
    _check_tensors(path, checkpoint.config, tensors)
    text = _to_json(checkpoint)
    if path.suffix == ".pt":
        buffer = io.BytesIO()
        torch.save({"tensors": tensors, "json": text}, buffer)
        content = buffer.getvalue()
    elif path.suffix == ".safetensors":
        content = safetensors.torch.save(tensors, metadata={"json": text})
    else:
        raise LewmError(
            f"{path} ends in {path.suffix or 'nothing'}, a checkpoint in .pt or .safetensors",
            next_step="choose one of these suffixes",
        )
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content)
    os.replace(partial, path)
    return hashlib.sha256(content).hexdigest()


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint; nothing in it is executed.

    Raises:
        LewmError: the file cannot be read, is truncated or pickled code, its tensors are not
            exactly those of its configuration, or this torch is too old to load safely.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LewmError(
            f"{path} cannot be read: {error.strerror}", next_step="check the path"
        ) from error
    if path.suffix == ".safetensors":
        tensors, text = _parse_safetensors(path, content)
    else:
        tensors, text = _parse_torch(path, content)
    data = _parse_json(path, text)
    config = ModelConfig.from_json(data["model"])
    _check_tensors(path, config, tensors)
    try:
        stats = ActionStats(**{key: tuple(data["action_stats"][key]) for key in ("mean", "std")})
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, f"has no usable action statistics ({error})") from error
    if len(stats.mean) != config.action_width:
        raise _damaged(
            path,
            f"has statistics of {len(stats.mean)} action dimensions, its model has "
            f"{config.action_width}",
        )
    return Checkpoint(
        config=config,
        tensors=tensors,
        action_stats=stats,
        world=data["world"],
        plan_config=PlanConfig.from_json(data["planner"]),
        training=data["training"],
        tuning=data["tuning"],
        sha256=hashlib.sha256(content).hexdigest(),
    )


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


def _to_json(checkpoint: Checkpoint) -> str:
    stats = checkpoint.action_stats
    data = {
        "format": FORMAT,
        "model": checkpoint.config.to_json(),
        "action_stats": {"mean": list(stats.mean), "std": list(stats.std)},
        "world": checkpoint.world,
        "planner": checkpoint.plan_config.to_json(),
        "training": checkpoint.training,
        "tuning": checkpoint.tuning,
    }
    return json.dumps(data, sort_keys=True, allow_nan=False, separators=(",", ":"))


def _parse_torch(path: Path, content: bytes) -> tuple[dict[str, Tensor], str]:
    require_safe_torch(torch.__version__)
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise _damaged(path, "is truncated, or was not written by torch.save")
    try:
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise LewmError(
            f"{path} holds pickled code, a checkpoint holds tensors and JSON",
            next_step="export tensors with `state_dict()`; lewm never runs code from a file",
        ) from error
    except (RuntimeError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise _damaged(path, "is truncated or damaged") from error
    if not isinstance(loaded, dict) or set(loaded) != {"tensors", "json"}:
        raise _damaged(path, "is a torch file without our `tensors` and `json`")
    tensors, text = loaded["tensors"], loaded["json"]
    plain = isinstance(tensors, dict) and all(isinstance(t, Tensor) for t in tensors.values())
    if not plain or not isinstance(text, str):
        raise _damaged(path, "holds something else than named tensors and a JSON text")
    return tensors, text


def _parse_safetensors(path: Path, content: bytes) -> tuple[dict[str, Tensor], str]:
    try:
        tensors = safetensors.torch.load(content)
        length = int.from_bytes(content[:8], "little")
        text = json.loads(content[8 : 8 + length])["__metadata__"]["json"]
    except (SafetensorError, KeyError, ValueError) as error:
        raise _damaged(path, "is not a safetensors file of ours") from error
    return tensors, text


def _parse_json(path: Path, text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise _damaged(path, "carries text that is not JSON") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT or set(data) != _FIELDS:
        raise _damaged(path, f"does not carry a {FORMAT} description")
    kinds = {"model": dict, "world": dict, "planner": dict, "training": dict, "tuning": list}
    wrong = [name for name, kind in kinds.items() if not isinstance(data[name], kind)]
    if wrong:
        raise _damaged(path, f"carries {', '.join(wrong)} of the wrong type")
    return data


def _check_tensors(path: Path, config: ModelConfig, tensors: dict[str, Tensor]) -> None:
    with torch.device("meta"):
        expected = build(config).state_dict()
    missing = sorted(expected.keys() - tensors.keys())
    unexpected = sorted(tensors.keys() - expected.keys())
    if missing or unexpected:
        raise _damaged(
            path,
            f"has {len(tensors)} tensors, its configuration {len(expected)}; missing "
            f"{_some(missing)}, unexpected {_some(unexpected)}",
        )
    for name, tensor in tensors.items():
        want = expected[name]
        if tensor.shape != want.shape or tensor.dtype != want.dtype:
            raise _damaged(
                path,
                f"has {name} as {tensor.dtype} {tuple(tensor.shape)}, its configuration says "
                f"{want.dtype} {tuple(want.shape)}",
            )


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (" ..." if len(names) > 3 else "") if names else "none"


def _damaged(path: Path, what: str) -> LewmError:
    return LewmError(f"{path} {what}", next_step="take the file again from where it came from")
