"""Checkpoints: tensors and JSON, never code.

One `.pt` file is `torch.save({"tensors": {...}, "json": "..."})`; one `.safetensors` file carries
the same JSON in its metadata. A folder in the official layout has `config.json`, weights and, in
`lewm.json`, what remains of that JSON. Loading reads each file once, hashes those bytes and parses
only them.
"""

import hashlib
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from lewm.build import WorldModelModule, build
from lewm.checkpoints.model_folder import DETAILS, ModelFiles, find_model
from lewm.checkpoints.official import Canonical, Layout, canonical, to_v5
from lewm.checkpoints.official_config import parse_config
from lewm.checkpoints.strict_json import load_object
from lewm.checkpoints.tensor_file import Stored, damaged, parse
from lewm.config import ModelConfig
from lewm.data.reading import FileRead, read_file
from lewm.data.windows import ActionStats
from lewm.errors import LewmError
from lewm.partial import written_whole
from lewm.planning.plan_config import PlanConfig

FORMAT = "lewm-checkpoint/1"
_DETAILS = {"format", "action_stats", "world", "planner", "training", "tuning"}
_MAX_JSON_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Checkpoint:
    """Everything a checkpoint says."""

    config: ModelConfig
    tensors: dict[str, Tensor]
    action_stats: ActionStats
    world: dict[str, Any]
    """Scope of the world the model was trained in: name, frame size, factors off their defaults."""
    plan_config: PlanConfig
    training: dict[str, Any]
    tuning: list[dict[str, Any]] = field(default_factory=list)
    """What was done to the weights after training, in order."""
    files: tuple[FileRead, ...] = ()
    """What this was loaded from, weights first; empty before saving."""

    @property
    def sha256(self) -> str:
        """Of the file with the weights; empty before saving."""
        return self.files[0].sha256 if self.files else ""

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
    tensors = plain_tensors(_in_order(path, checkpoint.config, checkpoint.tensors))
    described = {"model": checkpoint.config.to_json(), **_details(checkpoint)}
    text = json.dumps(described, sort_keys=True, allow_nan=False, separators=(",", ":"))
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
    with written_whole(path) as partial:
        partial.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint; nothing in it is executed.

    Args:
        path: a file of ours, a folder in the official layout, or the weights in such a folder.

    Raises:
        LewmError: a file cannot be read, is truncated or pickled code, its tensors are not
            exactly those of its configuration, nothing says how its actions are scaled, or this
            torch is too old to load safely.
    """
    files = find_model(path)
    content, read = read_file(files.weights)
    stored = parse(files.weights, content)
    if stored.text is not None:
        if path.is_dir():
            raise LewmError(
                f"{files.weights} describes itself, and lies beside a config.json that does too",
                next_step=f"name the one you mean, for instance {files.weights}",
            )
        return _load_ours(path, stored.tensors, stored.text, read)
    if files.details is None:
        raise _without_details(path, files)
    details, details_read = read_file(files.details, max_bytes=_MAX_JSON_BYTES)
    data = load_object(details, str(files.details))
    _require_fields(files.details, data, _DETAILS)
    plan_config = PlanConfig.from_json(data["planner"])
    official = read_official(files, stored, block_size=plan_config.block_size)
    return _described(
        files.details,
        data,
        official.config,
        official.tensors,
        (read, official.config_read, details_read),
    )


@dataclass(frozen=True)
class Official:
    """What a model in the official layout says by itself."""

    config: ModelConfig
    tensors: dict[str, Tensor]
    """Under the names of this package."""
    layout: Layout
    is_bare: bool
    """The reference package can load the file of weights as it is."""
    config_content: bytes
    config_read: FileRead


def read_official(files: ModelFiles, stored: Stored, *, block_size: int) -> Official:
    """The architecture and the tensors of a model in the official layout.

    Args:
        files: where its parts are.
        stored: the content of its weights.
        block_size: env steps per action block.

    Raises:
        LewmError: there is no `config.json`, it is refused, or the tensors are not exactly its.
    """
    if files.config is None:
        raise _without_config(files.weights)
    content, read = read_file(files.config, max_bytes=_MAX_JSON_BYTES)
    config = parse_config(content, str(files.config), block_size=block_size)
    named: Canonical = canonical(stored.tensors, str(files.weights))
    tensors = plain_tensors(_in_order(files.weights, config, named.tensors, named.layout))
    return Official(config, tensors, named.layout, named.is_bare and stored.is_bare, content, read)


def details_json(checkpoint: Checkpoint) -> bytes:
    """`lewm.json`: what the official layout cannot say."""
    return (json.dumps(_details(checkpoint), indent=1, allow_nan=False) + "\n").encode()


def plain_tensors(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Each tensor by itself: contiguous, on the processor, without gradient or shared storage."""
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}


def _details(checkpoint: Checkpoint) -> dict[str, Any]:
    stats = checkpoint.action_stats
    return {
        "format": FORMAT,
        "action_stats": {"mean": list(stats.mean), "std": list(stats.std)},
        "world": checkpoint.world,
        "planner": checkpoint.plan_config.to_json(),
        "training": checkpoint.training,
        "tuning": checkpoint.tuning,
    }


def _load_ours(path: Path, tensors: dict[str, Tensor], text: str, read: FileRead) -> Checkpoint:
    data = load_object(text.encode(), f"the description in {path}", max_bytes=_MAX_JSON_BYTES)
    _require_fields(path, data, {"model", *_DETAILS})
    config = ModelConfig.from_json(data["model"])
    return _described(path, data, config, _in_order(path, config, tensors), (read,))


def _described(
    path: Path,
    data: dict[str, Any],
    config: ModelConfig,
    tensors: dict[str, Tensor],
    files: tuple[FileRead, ...],
) -> Checkpoint:
    try:
        mean, std = (tuple(data["action_stats"][key]) for key in ("mean", "std"))
        stats = ActionStats(mean, std)
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, f"has no usable action statistics ({error})") from error
    if len(stats.mean) != config.action_width:
        raise damaged(
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
        files=files,
    )


def _require_fields(path: Path, data: dict[str, Any], fields: set[str]) -> None:
    if data.get("format") != FORMAT or set(data) != fields:
        raise damaged(path, f"does not carry a {FORMAT} description")
    kinds = {"model": dict, "world": dict, "planner": dict, "training": dict, "tuning": list}
    wrong = [name for name in kinds if name in data and not isinstance(data[name], kinds[name])]
    if wrong:
        raise damaged(path, f"carries {', '.join(wrong)} of the wrong type")


def _in_order(
    path: Path, config: ModelConfig, tensors: dict[str, Tensor], layout: Layout = "v4"
) -> dict[str, Tensor]:
    """Exactly the tensors of the configuration, in the order that its model lists them.

    Messages name them as the file's layout does.
    """
    deepest = max(config.encoder_depth, config.predictor_depth, config.prefix_depth)
    if deepest > len(tensors):
        raise damaged(path, f"has {len(tensors)} tensors for {deepest} layers")
    with torch.device("meta"):
        expected = build(config).state_dict()
    missing, unexpected = expected.keys() - tensors.keys(), tensors.keys() - expected.keys()
    if missing or unexpected:
        raise damaged(
            path,
            f"has {len(expected) - len(missing)} of the {len(expected)} tensors of its "
            f"configuration; missing {_some(missing, layout)}, unexpected "
            f"{_some(unexpected, layout)}",
        )
    for name, want in expected.items():
        tensor = tensors[name]
        if tensor.shape != want.shape or tensor.dtype != want.dtype:
            raise damaged(
                path,
                f"has {name} as {tensor.dtype} {tuple(tensor.shape)}, its configuration says "
                f"{want.dtype} {tuple(want.shape)}",
            )
    return {name: tensors[name] for name in expected}


def _some(names: Iterable[str], layout: Layout) -> str:
    shown = sorted(to_v5(name) if layout == "v5" else name for name in names)
    listed = ", ".join(name[:100] for name in shown[:3])
    return listed + (" ..." if len(shown) > 3 else "") if shown else "none"


def _without_config(path: Path) -> LewmError:
    what = "a safetensors file" if path.suffix == ".safetensors" else "a torch file"
    return LewmError(
        f"{path} is {what} without our `tensors` and `json`, and no config.json lies beside it",
        next_step="put the config.json of the model beside it",
    )


def _without_details(path: Path, files: ModelFiles) -> LewmError:
    if files.config is None:
        return _without_config(files.weights)
    return LewmError(
        f"{path} is a model in the official layout, which says neither how its actions are scaled "
        f"nor what world they are for, and no {DETAILS} lies beside it",
        next_step=f"lewm import {path} --data EPISODES.h5 --world NAME --out FOLDER",
    )
