"""Episodes in a file, in the HDF5 layout of the field.

One data set per column at the root, episodes one after another along the first axis, one row
per frame:

    pixels        (R, H, W, 3) uint8, one frame per chunk
    action        (R, A) float32, taken from the row's frame; NaN in an episode's last row
    state         (R, S) float64
    proprio       (R, S) float32, the same numbers under the name that other tools read
    episode_idx, step_idx  (R,) int32
    variation.*   (R, ...) one column per factor of variation, if given
    ep_len        (E,) int32, rows of each episode        ep_offset  (E,) int64, its first row

Compression is one that every HDF5 library holds; a file with another filter is read where that
filter is installed. The root attribute `provenance` says, as JSON, what was collected.

Shapes in this module:
    R  rows    E  episodes    T  env steps    A  action width    S  state width    H, W  size

Source: the layout of stable-worldmodel (facts/lewm.md, section 8.2).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from lewm.episodes import Episodes
from lewm.errors import LewmError
from lewm.worlds.factors import FactorValue

_NEEDED = ("pixels", "action", "ep_len", "ep_offset")
_STATE_COLUMNS = ("state", "proprio", "pos_agent")
_SMALL_CHUNK_ROWS = 1024

Compression = Literal["gzip", "lzf"]


class EpisodeWriter:
    """Writes episodes as they come; the file appears, whole, when the writer closes.

    Use it in a `with` block. Until the block ends without an error the rows lie in
    `<path>.partial`, which an error removes.
    """

    def __init__(
        self,
        path: Path,
        *,
        variation: Mapping[str, FactorValue] | None = None,
        provenance: Mapping[str, Any] | None = None,
        compression: Compression = "gzip",
    ) -> None:
        """Name what will be written.

        Args:
            path: the file to make; it must not exist.
            variation: factor values in force, kept as `variation.<name>` columns.
            provenance: what the episodes can be collected again from, as plain JSON.
            compression: `gzip` is read everywhere; `lzf` writes faster and is twice as large.

        Raises:
            LewmError: the file exists, or its folder does not.
        """
        if path.exists():
            raise LewmError(
                f"{path} exists and would be overwritten",
                next_step="choose another name, or remove the file",
            )
        if not path.parent.is_dir():
            raise LewmError(f"no folder {path.parent} for {path.name}", next_step="make the folder")
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        self._variation = {name: np.asarray(value) for name, value in (variation or {}).items()}
        self._compression = compression
        self._num_rows = 0
        self._num_episodes = 0
        self._file = h5py.File(self._partial, "w")
        if provenance is not None:
            self._file.attrs["provenance"] = json.dumps(provenance, sort_keys=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        if error is None and self._num_episodes:
            self._partial.rename(self._path)
            return
        self._partial.unlink()
        if error is None:
            raise LewmError(
                f"no episode was given for {self._path}", next_step="append at least one"
            )

    def append(self, episodes: Episodes) -> None:
        """Write these episodes after those already written.

        Raises:
            LewmError: frames, actions or states of another size than before.
        """
        num, num_frames = episodes.states.shape[:2]
        num_rows = num * num_frames
        width = episodes.actions.shape[2]
        last = np.full((num, 1, width), np.nan, dtype=np.float32)
        actions = np.concatenate([episodes.actions, last], axis=1)
        numbers = np.arange(self._num_episodes, self._num_episodes + num)
        self._extend("pixels", episodes.frames.reshape(num_rows, *episodes.frames.shape[2:]))
        self._extend("action", actions.reshape(num_rows, width))
        states = episodes.states.reshape(num_rows, -1)
        self._extend("state", states)
        self._extend("proprio", states.astype(np.float32))
        self._extend("episode_idx", numbers.repeat(num_frames).astype(np.int32))
        self._extend("step_idx", np.tile(np.arange(num_frames, dtype=np.int32), num))
        for name, value in self._variation.items():
            self._extend(f"variation.{name}", np.broadcast_to(value, (num_rows, *value.shape)))
        self._extend("ep_len", np.full(num, num_frames, dtype=np.int32))
        self._extend("ep_offset", self._num_rows + np.arange(num, dtype=np.int64) * num_frames)
        self._num_rows += num_rows
        self._num_episodes += num

    def _extend(self, name: str, rows: NDArray[Any]) -> None:
        if name not in self._file:
            chunk_rows = 1 if name == "pixels" else _SMALL_CHUNK_ROWS
            self._file.create_dataset(
                name,
                data=rows,
                maxshape=(None, *rows.shape[1:]),
                chunks=(chunk_rows, *rows.shape[1:]),
                compression=self._compression,
                compression_opts=1 if self._compression == "gzip" else None,
            )
            return
        column = self._file[name]
        if column.shape[1:] != rows.shape[1:]:
            raise LewmError(
                f"{name} of these episodes have shape {rows.shape[1:]}, those written before "
                f"{column.shape[1:]}",
                next_step="write episodes of another size into another file",
            )
        first = len(column)
        column.resize(first + len(rows), axis=0)
        column[first:] = rows


def read_episodes(
    path: Path,
    *,
    first_episode: int = 0,
    num_episodes: int | None = None,
    length_env_steps: int | None = None,
    size_px: int | None = None,
) -> Episodes:
    """Read episodes into memory.

    Args:
        path: an HDF5 file in the layout above.
        first_episode: where to begin.
        num_episodes: how many; all that follow if not given.
        length_env_steps: read this many env steps of each episode, so that longer ones are cut.
        size_px: the frame size expected, if one is.

    Returns:
        the episodes; states come from the first of `state`, `proprio` and `pos_agent` there is.

    Raises:
        LewmError: not such a file, too few episodes, unequal lengths without
            `length_env_steps` or shorter ones with it, or frames of another size.
    """
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise LewmError(
            f"{path} is not a readable HDF5 file: {error}",
            next_step="check the path; a packed file must be unpacked first",
        ) from error
    with file:
        state_column = _check_layout(file, path, size_px)
        starts, num_rows = _choose(
            file, path, slice(first_episode, None), num_episodes, length_env_steps
        )
        try:
            frames, actions, states = (
                np.stack([file[name][start : start + num_rows] for start in starts])
                for name in ("pixels", "action", state_column)
            )
        except OSError as error:
            raise LewmError(
                f"{path} cannot be read to the end: {error}",
                next_step="collect it again, or install the filter it is packed with (hdf5plugin)",
            ) from error
    actions = actions[:, :-1].astype(np.float32)
    if not np.isfinite(actions).all():
        raise LewmError(
            f"{path} holds an action that is not finite before the end of an episode",
            next_step="collect the episodes again",
        )
    return Episodes(frames, actions, states.astype(np.float64))


def _check_layout(file: h5py.File, path: Path, size_px: int | None) -> str:
    """The column that holds states, if the file is laid out as it must be."""
    missing = [name for name in _NEEDED if name not in file]
    states = [name for name in _STATE_COLUMNS if name in file]
    if not states:
        missing.append(" or ".join(_STATE_COLUMNS))
    if missing:
        raise LewmError(
            f"{path} lacks {', '.join(missing)}; it holds {', '.join(sorted(file)) or 'nothing'}",
            next_step="give a file in the layout of lewm.episode_file",
        )
    pixels = file["pixels"]
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[-1] != 3:
        raise LewmError(
            f"pixels of {path} have dtype {pixels.dtype} and shape {pixels.shape}, "
            "expected uint8 and (R, H, W, 3)",
            next_step="store frames as they are seen, height first and channels last",
        )
    if size_px is not None and pixels.shape[1:3] != (size_px, size_px):
        raise LewmError(
            f"frames of {path} are {pixels.shape[1]} x {pixels.shape[2]} px, "
            f"expected {size_px} x {size_px}",
            next_step="collect at that size, or change the size that is expected",
        )
    rows = {name: len(file[name]) for name in ("pixels", "action", states[0])}
    lengths, offsets = file["ep_len"][:], file["ep_offset"][:]
    is_paired = len(lengths) == len(offsets) and (offsets >= 0).all()
    end = int((offsets + lengths).max(initial=0)) if is_paired else -1
    if not is_paired or len(set(rows.values())) > 1 or end > len(pixels):
        raise LewmError(
            f"columns of {path} do not fit together: rows {rows}, {len(lengths)} lengths, "
            f"{len(offsets)} offsets, last row {end}",
            next_step="the file was cut short; collect the episodes again",
        )
    return states[0]


def _choose(
    file: h5py.File,
    path: Path,
    chosen: slice,
    num_episodes: int | None,
    length_env_steps: int | None,
) -> tuple[NDArray[np.int64], int]:
    """First rows of the chosen episodes, and how many rows to read of each."""
    lengths = file["ep_len"][chosen][:num_episodes]
    starts = file["ep_offset"][chosen][:num_episodes]
    if len(lengths) == 0 or (num_episodes is not None and len(lengths) < num_episodes):
        raise LewmError(
            f"{path} holds {len(file['ep_len'])} episodes, {num_episodes or 'some'} were asked "
            f"for from episode {chosen.start} on",
            next_step="ask for fewer, or collect more",
        )
    shortest, longest = int(lengths.min()) - 1, int(lengths.max()) - 1
    if length_env_steps is None and shortest != longest:
        raise LewmError(
            f"episodes of {path} last {shortest} to {longest} env steps, expected equal lengths",
            next_step=f"give length_env_steps, at most {shortest}",
        )
    length = longest if length_env_steps is None else length_env_steps
    if not 1 <= length <= shortest:
        raise LewmError(
            f"{length} env steps were asked for, the shortest episode of {path} lasts {shortest}",
            next_step=f"ask for 1 to {shortest}" if shortest > 0 else "collect longer episodes",
        )
    return starts.astype(np.int64), length + 1
