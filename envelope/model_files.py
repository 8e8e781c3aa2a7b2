"""The files of a model at a path, for those who check it without loading it.

The same rule as that of `lewm.checkpoints.model_folder`, which loads: a test holds the two
together.
"""

from pathlib import Path

from envelope.errors import BadFile

_ARCHITECTURE, _DETAILS = "config.json", "lewm.json"
_WEIGHTS = ("*.pt", "*.safetensors", "*_weight.ckpt")


def model_folder(path: Path) -> Path | None:
    """The model folder that `path` is or lies in: `config.json` and `lewm.json` are there."""
    for folder in (path, path.parent):
        if (folder / _ARCHITECTURE).is_file() and (folder / _DETAILS).is_file():
            return folder
    return None


def model_files(path: Path) -> list[Path]:
    """What loading `path` reads: one file, or the weights and the two files beside them.

    Raises:
        BadFile: a folder holds no weights, or several, so that nobody knows which are meant.
    """
    folder = model_folder(path)
    if folder is None:
        return [path]
    weights = [path]
    if path == folder:
        weights = sorted(found for pattern in _WEIGHTS for found in folder.glob(pattern))
    if len(weights) != 1:
        names = ", ".join(found.name for found in weights) or "none"
        raise BadFile(
            f"{path} must hold one file of weights, it holds {names}",
            next_step="name the file itself, or leave only one in the folder",
        )
    return [weights[0], folder / _ARCHITECTURE, folder / _DETAILS]
