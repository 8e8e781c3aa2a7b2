"""Which files make up the model at a path. Needs neither torch nor the files' content.

A model is one file of ours, or a folder in the official layout: `config.json` (the architecture)
and one file of weights, with `lewm.json` beside them for what that layout cannot say.
"""

from pathlib import Path
from typing import NamedTuple

from lewm.errors import LewmError

CONFIG = "config.json"
DETAILS = "lewm.json"
WEIGHTS_SUFFIXES = (".pt", ".safetensors")
_LEGACY = "*_weight.ckpt"
_LEGACY_OBJECT = "*_object.ckpt"


class ModelFiles(NamedTuple):
    """Paths of what is read when a model is loaded."""

    weights: Path
    config: Path | None
    """`config.json` of an official folder; None for a file of ours that lies alone."""
    details: Path | None
    """`lewm.json`, where there is one."""


def find_model(path: Path) -> ModelFiles:
    """What loading `path` reads: a folder, or a file of weights in one or alone.

    Raises:
        LewmError: nothing is there, the folder has no `config.json`, no weights or several, or a
            link that leads out of it.
    """
    if not path.is_dir():
        beside = path.parent
        return ModelFiles(path, _in(beside, CONFIG), _in(beside, DETAILS))
    config = _in(path, CONFIG)
    if config is None:
        raise LewmError(
            f"{path} is a folder without {CONFIG}, so it is no model in the official layout",
            next_step=f"put {CONFIG} beside the weights, or name a checkpoint file",
        )
    return ModelFiles(_only_weights(path), config, _in(path, DETAILS))


def model_name(path: Path) -> str:
    """What to call the model at a path: its folder, or its file without the suffix."""
    for folder in (path.absolute(), path.absolute().parent):
        if (folder / CONFIG).is_file() and (folder / DETAILS).is_file():
            return folder.name
    return path.stem


def _only_weights(folder: Path) -> Path:
    patterns = [f"*{suffix}" for suffix in WEIGHTS_SUFFIXES]
    found = sorted(path for pattern in (*patterns, _LEGACY) for path in folder.glob(pattern))
    if not found:
        objects = sorted(folder.glob(_LEGACY_OBJECT))
        raise (
            refuse_object(objects[0])
            if objects
            else LewmError(
                f"{folder} has a {CONFIG} and no weights (.pt or .safetensors)",
                next_step="put the weights beside it",
            )
        )
    if len(found) > 1:
        raise LewmError(
            f"{folder} has several files of weights: {', '.join(path.name for path in found)}",
            next_step=f"name the one you mean, for instance {found[0]}",
        )
    return _inside(folder, found[0])


def _in(folder: Path, name: str) -> Path | None:
    path = folder / name
    return _inside(folder, path) if path.exists() or path.is_symlink() else None


def _inside(folder: Path, path: Path) -> Path:
    """Refuse a link out of the folder: signing or copying the folder would not cover it."""
    try:
        leads_out = path.is_symlink() and not path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a circle of links
        leads_out = True
    if leads_out:
        raise LewmError(
            f"{path} is a link that leads out of its folder",
            next_step=f"copy the folder with what its links lead to: cp -rL {folder} COPY",
        )
    return path


def refuse_object(path: Path) -> LewmError:
    """Why a pickled module is not read, and how to get at its tensors."""
    return LewmError(
        f"{path} holds pickled code, such as a whole module; lewm never runs code from a file",
        next_step="on a machine that holds nothing you value, with the package that wrote it: "
        "torch.save(torch.load(FILE, weights_only=False).state_dict(), 'weights.pt'); then put "
        f"weights.pt beside its {CONFIG} and import that folder",
    )
