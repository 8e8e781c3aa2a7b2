"""Models between this package and the official ecosystem, tensor for tensor."""

import io
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import safetensors.torch
import torch

from lewm.adapter import from_checkpoint
from lewm.checkpoints.checkpoint import (
    Checkpoint,
    Official,
    details_json,
    load_checkpoint,
    plain_tensors,
    read_official,
    save_checkpoint,
)
from lewm.checkpoints.model_folder import CONFIG, DETAILS, WEIGHTS_SUFFIXES, find_model
from lewm.checkpoints.official import Layout, rename
from lewm.checkpoints.official_config import format_config
from lewm.checkpoints.tensor_file import parse
from lewm.data.reading import read_file
from lewm.data.windows import ActionStats
from lewm.errors import LewmError
from lewm.planning.plan_config import paper_planner
from lewm.worlds import make_world

Format = Literal["pt", "safetensors"]


@dataclass(frozen=True)
class Imported:
    """What an import left, for the person who asked for it."""

    checkpoint: Checkpoint
    layout: Layout | None
    """Of the official file; None for a checkpoint of ours in another container."""


def import_model(
    source: Path,
    out: Path,
    *,
    action_stats: ActionStats | None = None,
    world: str | dict[str, Any] | None = None,
    block_size: int = 5,
    trained_on: str | None = None,
) -> Imported:
    """Bring a model of the official ecosystem here, whole or not at all.

    Args:
        source: a folder with `config.json` and weights, the weights in it, or a checkpoint of ours.
        out: a `.pt` or `.safetensors` file, or a new folder, in which the official files stay as
            they are and `lewm.json` is added.
        action_stats: how the model's actions are scaled; what `source` says unless given.
        world: the world it was made for, by name or scope; what `source` says unless given.
        block_size: env steps per action block.
        trained_on: digest of the data it was trained on, where `source` does not say.

    Raises:
        LewmError: `source` is refused, says nothing of its actions, or does not fit `world`; or
            `out` is there already.
    """
    _require_new(out)
    files = find_model(source)
    content, read = read_file(files.weights)
    stored = parse(files.weights, content)
    official = None
    if stored.text is not None or (files.details is not None and action_stats is None):
        checkpoint = load_checkpoint(source)
        if action_stats is not None:
            checkpoint = _with_stats(checkpoint, action_stats, source)
    else:
        official = read_official(files, stored, block_size=block_size)
        checkpoint = _as_checkpoint(official, action_stats, source, read.sha256, block_size)
    if trained_on is not None and "data" not in checkpoint.training:
        data = {"data": {"digest": trained_on}}
        checkpoint = replace(checkpoint, training={**checkpoint.training, **data})
    if world is not None:
        size_px = checkpoint.config.image_size
        scope = world if isinstance(world, dict) else _nominal(world, size_px)
        from_checkpoint(checkpoint, name=str(source)).require_world(make_world(scope))
        checkpoint = replace(checkpoint, world=scope)
    if out.suffix in WEIGHTS_SUFFIXES:
        save_checkpoint(out, checkpoint)
    elif official is not None and official.is_bare:
        name = (
            f"weights{files.weights.suffix if files.weights.suffix in WEIGHTS_SUFFIXES else '.pt'}"
        )
        _write_folder(
            out,
            {
                CONFIG: official.config_content,
                name: content,
                DETAILS: details_json(checkpoint),
            },
        )
    else:
        export_model(checkpoint, out, layout=official.layout if official else "v4", format="pt")
    return Imported(checkpoint, official.layout if official else None)


def export_model(
    checkpoint: Checkpoint, out: Path, *, layout: Layout = "v4", format: Format = "pt"
) -> None:
    """Write a new folder that the reference package loads, whole or not at all.

    Args:
        checkpoint: what to write.
        out: the folder; `lewm.json` in it keeps what the official layout cannot say.
        layout: names of the encoder's tensors; the released weights are v4, and a reference
            package beside transformers 5 loads v5 only.
        format: container of the weights; the reference package reads pt.

    Raises:
        LewmError: the reference classes cannot be this model, or `out` is there already.
    """
    _require_new(out)
    config = format_config(checkpoint.config)
    tensors = rename(plain_tensors(checkpoint.tensors), layout)
    if format == "pt":
        buffer = io.BytesIO()
        torch.save(tensors, buffer)
        weights = buffer.getvalue()
    else:
        weights = safetensors.torch.save(tensors, metadata={"format": "pt"})
    _write_folder(
        out, {CONFIG: config, f"weights.{format}": weights, DETAILS: details_json(checkpoint)}
    )


def _nominal(world: str, size_px: int) -> dict[str, Any]:
    return {"world": world, "size_px": size_px, "factors": {}}


def _as_checkpoint(
    official: Official, stats: ActionStats | None, source: Path, sha256: str, block_size: int
) -> Checkpoint:
    if stats is None:
        raise LewmError(
            f"{source} is in the official layout, which does not say how its actions are scaled",
            next_step="add --data EPISODES.h5 (the data it was trained on), or --action-stats "
            'FILE.json with {"mean": [...], "std": [...]}',
        )
    checkpoint = Checkpoint(
        config=official.config,
        tensors=official.tensors,
        action_stats=stats,
        world={},
        plan_config=replace(paper_planner(), block_size=block_size),
        training={
            "imported_from": f"official layout {official.layout}",
            "imported_weights_sha256": sha256,
            "imported_config_sha256": official.config_read.sha256,
        },
    )
    return _with_stats(checkpoint, stats, source)


def _with_stats(checkpoint: Checkpoint, stats: ActionStats, source: Path) -> Checkpoint:
    config = checkpoint.config
    if len(stats.mean) != config.action_width:
        raise LewmError(
            f"{source} takes actions of width {config.action_width} (in blocks of "
            f"{config.block_size}), the action statistics are of width {len(stats.mean)}",
            next_step="give the data the model was trained on, or its --block-size",
        )
    return replace(checkpoint, action_stats=stats)


def _require_new(out: Path) -> None:
    if out.exists() or out.is_symlink():
        raise LewmError(f"{out} is there already", next_step="choose another --out, or move it")
    if not out.absolute().parent.is_dir():
        raise LewmError(
            f"{out} cannot be written: the folder around it is not there",
            next_step="make the folder, or choose another --out",
        )


def _write_folder(out: Path, files: Mapping[str, bytes]) -> None:
    """All of the files under their final name at once; nothing is left where writing fails."""
    unfinished = Path(tempfile.mkdtemp(dir=out.absolute().parent, prefix=f".{out.name}."))
    try:
        for name, content in files.items():
            (unfinished / name).write_bytes(content)
        unfinished.chmod(0o755)
        os.rename(unfinished, out)
    except BaseException as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        if isinstance(error, OSError):
            raise LewmError(
                f"{out} cannot be written: {error.strerror}", next_step="choose another --out"
            ) from error
        raise


def stats_from_json(data: Any, name: str) -> ActionStats:
    """Action statistics from `{"mean": [...], "std": [...]}`.

    Raises:
        LewmError: it is something else.
    """
    try:
        if set(data) != {"mean", "std"}:
            raise ValueError(f"it has the fields {sorted(data)}")
        mean, std = (tuple(float(value) for value in data[key]) for key in ("mean", "std"))
        return ActionStats(mean, std)
    except (TypeError, ValueError) as error:
        raise LewmError(
            f"{name} holds no action statistics: {error}",
            next_step='write {"mean": [...], "std": [...]}, one number per action dimension',
        ) from None
