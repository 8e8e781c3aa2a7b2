"""Checks of the HDF5 layout that `lewm.data.episode_file` describes. Needs h5py.

Shapes in this module:
    R  rows    E  episodes    A  action width    H, W  frame size
"""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from lewm.data.hdf5_filters import load_plugins, require_filters
from lewm.errors import LewmError

PER_EPISODE = ("ep_len", "ep_offset")
_NEEDED = ("pixels", "action", *PER_EPISODE)


@dataclass(frozen=True)
class Layout:
    """Where the episodes of a file lie.

    Attributes:
        columns: names of the columns with one row per frame.
        num_rows: R.
        lengths: rows of each episode, (E,).
        offsets: first row of each, (E,), increasing.
    """

    columns: tuple[str, ...]
    num_rows: int
    lengths: NDArray[np.int64]
    offsets: NDArray[np.int64]


def open_hdf5(path: Path) -> h5py.File:
    """The file, open for reading.

    Raises:
        LewmError: it is not there, cut short, or no HDF5 file.
    """
    load_plugins()
    try:
        return h5py.File(path, "r")
    except OSError as error:
        reason = str(error).splitlines()[0]
        packed = path.suffix in (".zst", ".gz", ".tar", ".zip")
        raise LewmError(
            f"{path} is not a readable HDF5 file: {reason}",
            next_step="unpack it first"
            if packed
            else "check the path; if it was cut short, download or collect it again",
        ) from error


def check_layout(file: h5py.File, path: Path) -> Layout:
    """Where the episodes lie, after everything that can be checked without reading frames.

    Raises:
        LewmError: a column is missing, has the wrong type, shape or length, is packed with a
            filter that is not installed, or episodes overlap or leave the file.
    """
    held = sorted(name for name in file if isinstance(file.get(name), h5py.Dataset))
    missing = [name for name in _NEEDED if name not in held]
    if missing:
        raise LewmError(
            f"{path} lacks {', '.join(missing)}; it holds {', '.join(held) or 'nothing'}",
            next_step="give a file in the layout of lewm.data.episode_file, or rename its columns",
        )
    for name in held:
        _require_inside(file, name, path)
    _check_frames(file["pixels"], path)
    _check_actions(file["action"], path)
    columns = tuple(name for name in held if name not in PER_EPISODE)
    rows = {name: len(file[name]) if file[name].shape else 0 for name in columns}
    if len(set(rows.values())) > 1:
        raise LewmError(
            f"columns of {path} have unequal lengths: "
            + ", ".join(f"{name} {num}" for name, num in rows.items()),
            next_step="the file was cut short; collect the episodes again",
        )
    for name in (*columns, *PER_EPISODE):
        require_filters(file[name], path)
    lengths, offsets = (_whole_numbers(file[name], path) for name in PER_EPISODE)
    _check_episodes(lengths, offsets, rows["pixels"], path)
    return Layout(columns, rows["pixels"], lengths, offsets)


def _require_inside(file: h5py.File, name: str, path: Path) -> None:
    """Refuse a column whose rows lie in another file: no digest of this one would cover them."""
    column = file[name]
    if column.file.id != file.id or column.external or column.is_virtual:
        raise LewmError(
            f"{name} of {path} lies in another file",
            next_step="copy the rows into one file, for instance with h5repack",
        )


def _check_frames(pixels: h5py.Dataset, path: Path) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[-1] != 3:
        channels_first = pixels.ndim == 4 and pixels.shape[1] == 3
        raise LewmError(
            f"pixels of {path} have dtype {pixels.dtype} and shape {pixels.shape}, "
            "expected uint8 and (R, H, W, 3)",
            next_step="move the channels last"
            if channels_first
            else "store frames as they are seen: bytes from 0 to 255, height first, channels last",
        )


def _check_actions(actions: h5py.Dataset, path: Path) -> None:
    if actions.ndim != 2 or actions.shape[1] == 0 or actions.dtype.kind not in "fiu":
        raise LewmError(
            f"action of {path} has dtype {actions.dtype} and shape {actions.shape}, "
            "expected numbers and (R, A)",
            next_step="store one row of numbers per frame",
        )


def _whole_numbers(column: h5py.Dataset, path: Path) -> NDArray[np.int64]:
    if column.dtype.kind not in "iu" or column.ndim != 1:
        raise LewmError(
            f"{column.name.lstrip('/')} of {path} has dtype {column.dtype} and shape "
            f"{column.shape}, expected whole numbers and (E,)",
            next_step="store one whole number per episode",
        )
    try:
        values: NDArray[np.int64] = column[:].astype(np.int64)
    except OSError as error:
        raise unreadable(path, error) from error
    return values


def _check_episodes(
    lengths: NDArray[np.int64], offsets: NDArray[np.int64], num_rows: int, path: Path
) -> None:
    if len(lengths) != len(offsets):
        raise LewmError(
            f"{path} holds {len(lengths)} lengths and {len(offsets)} offsets of episodes",
            next_step="the file was cut short; collect the episodes again",
        )
    if len(lengths) == 0:
        raise LewmError(f"{path} holds no episode", next_step="collect some")
    ends = offsets + lengths
    before = np.concatenate([[0], ends[:-1]])
    for is_wrong, problem in (
        (lengths < 1, "has no row"),
        (lengths > num_rows - offsets, f"leaves the {num_rows} rows of the file"),
        (offsets < before, "begins before the one before it ends"),
    ):
        if is_wrong.any():
            first = int(np.argmax(is_wrong))
            begin, rows = int(offsets[first]), int(lengths[first])
            raise LewmError(
                f"episode {first} of {path} {problem}: it takes rows {begin} to {begin + rows - 1}",
                next_step="mend ep_len and ep_offset, or collect the episodes again",
            )


def unreadable(path: Path, error: OSError) -> LewmError:
    """What to say when a file that opened cannot be read to its end."""
    return LewmError(
        f"{path} cannot be read to the end: {str(error).splitlines()[0]}",
        next_step="it is damaged; download or collect it again",
    )
