"""Episodes in a file, in the HDF5 layout of the field.

One data set per column at the root, episodes one after another along the first axis, one row
per frame:

    pixels        (R, H, W, 3) uint8, one frame per chunk
    action        (R, A) float32, taken from the row's frame; NaN in an episode's last row
    state         (R, S) float64
    proprio       (R, S) float32, the same numbers under the name that other tools read
    episode_idx, step_idx  (R,) int32; in older files `ep_idx`
    variation.*   (R, ...) one column per factor of variation, if given
    ep_len        (E,) int32, rows of each episode        ep_offset  (E,) int64, its first row

Other columns with one row per frame are kept. Compression is one that every HDF5 library holds,
unless another is asked for; a file with another filter is read where that filter is installed. The
root attribute `provenance` says, as JSON, what was collected.

Shapes in this module:
    R  rows    E  episodes    T  env steps    A  action width    S  state width    H, W  size

Source: the layout of stable-worldmodel (facts/lewm.md, section 8.2).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from lewm.data.episodes import Episodes
from lewm.data.hdf5_filters import Compression, create_options
from lewm.data.hdf5_layout import PER_EPISODE, Layout, check_layout, open_hdf5, unreadable
from lewm.data.new_data import refuse_to_overwrite
from lewm.errors import LewmError
from lewm.worlds.factors import FactorValue

_STATE_COLUMNS = ("state", "proprio", "pos_agent", "simulator_state")
_INDEX_COLUMNS = ("episode_idx", "ep_idx", "step_idx", *PER_EPISODE)
_SMALL_CHUNK_ROWS = 1024


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
            compression: `gzip` is read everywhere; `lzf` writes faster and is twice as large;
                `blosc` (LZ4) reads and writes ten times faster and needs hdf5plugin, as does
                `zstd`, which is the smallest.

        Raises:
            LewmError: the file exists, its folder does not, or the compression is not installed.
        """
        refuse_to_overwrite(path)
        self._options = create_options(compression)
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        self._variation = {name: np.asarray(value) for name, value in (variation or {}).items()}
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
        """Write these episodes after those already written, each with its `variation.*`.

        Raises:
            LewmError: frames, actions or states of another size than before.
        """
        last = np.full((1, episodes.actions.shape[2]), np.nan, dtype=np.float32)
        for frames, actions, states in zip(
            episodes.frames, episodes.actions, episodes.states, strict=True
        ):
            self.append_columns(
                {
                    "pixels": frames,
                    "action": np.concatenate([actions, last]),
                    "state": states,
                    "proprio": states.astype(np.float32),
                }
            )

    def append_columns(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Write one episode, of any length, with any columns, after those already written.

        Args:
            columns: one row per frame each, `pixels` and `action` among them; the action in the
                last row leads to no frame. Index columns among them are numbered anew.

        Raises:
            LewmError: rows of unequal number, or other columns or sizes than before.
        """
        rows = {name: values for name, values in columns.items() if name not in _INDEX_COLUMNS}
        numbers = {name: len(values) for name, values in rows.items()}
        num_rows = numbers.get("pixels", 0)
        if set(numbers.values()) != {num_rows} or num_rows == 0 or "action" not in rows:
            raise LewmError(
                f"columns of an episode have rows {numbers}, expected as many of each, pixels and "
                "action among them",
                next_step="give one row per frame in every column",
            )
        for name, value in self._variation.items():
            rows[f"variation.{name}"] = np.broadcast_to(value, (num_rows, *value.shape))
        rows["episode_idx"] = np.full(num_rows, self._num_episodes, dtype=np.int32)
        rows["step_idx"] = np.arange(num_rows, dtype=np.int32)
        self._require_same_columns(set(rows))
        for name, values in rows.items():
            self._extend(name, values)
        self._extend("ep_len", np.array([num_rows], dtype=np.int32))
        self._extend("ep_offset", np.array([self._num_rows], dtype=np.int64))
        self._num_rows += num_rows
        self._num_episodes += 1

    def _require_same_columns(self, names: set[str]) -> None:
        before = set(self._file) - set(PER_EPISODE)
        if self._num_episodes and names != before:
            raise LewmError(
                f"an episode has the columns {sorted(names)}, those written before "
                f"{sorted(before)}",
                next_step="write episodes of other columns into another file",
            )

    def _extend(self, name: str, rows: NDArray[Any]) -> None:
        if name not in self._file:
            chunk_rows = 1 if name.startswith("pixels") else _SMALL_CHUNK_ROWS
            self._file.create_dataset(
                name,
                data=rows,
                dtype=h5py.string_dtype() if rows.dtype.kind in "OU" else rows.dtype,
                maxshape=(None, *rows.shape[1:]),
                chunks=(chunk_rows, *rows.shape[1:]),
                **self._options,
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
    with open_hdf5(path) as file:
        layout = check_layout(file, path)
        state_column = _state_column(layout, path)
        _check_size(file["pixels"], path, size_px)
        starts, num_rows = _choose(
            layout, path, slice(first_episode, None), num_episodes, length_env_steps
        )
        try:
            frames, actions, states = (
                np.stack([file[name][start : start + num_rows] for start in starts])
                for name in ("pixels", "action", state_column)
            )
        except OSError as error:
            raise unreadable(path, error) from error
    actions = actions[:, :-1].astype(np.float32)
    if not np.isfinite(actions).all():
        raise LewmError(
            f"{path} holds an action that is not finite before the end of an episode",
            next_step="collect the episodes again",
        )
    return Episodes(frames, actions, states.astype(np.float64))


def _state_column(layout: Layout, path: Path) -> str:
    for name in _STATE_COLUMNS:
        if name in layout.columns:
            return name
    raise LewmError(
        f"{path} lacks {' or '.join(_STATE_COLUMNS)}; it holds {', '.join(layout.columns)}",
        next_step="give a file that says the states of its world",
    )


def _check_size(pixels: h5py.Dataset, path: Path, size_px: int | None) -> None:
    if size_px is not None and pixels.shape[1:3] != (size_px, size_px):
        raise LewmError(
            f"frames of {path} are {pixels.shape[1]} x {pixels.shape[2]} px, "
            f"expected {size_px} x {size_px}",
            next_step="collect at that size, or change the size that is expected",
        )


def _choose(
    layout: Layout,
    path: Path,
    chosen: slice,
    num_episodes: int | None,
    length_env_steps: int | None,
) -> tuple[NDArray[np.int64], int]:
    """First rows of the chosen episodes, and how many rows to read of each."""
    lengths = layout.lengths[chosen][:num_episodes]
    starts = layout.offsets[chosen][:num_episodes]
    if len(lengths) == 0 or (num_episodes is not None and len(lengths) < num_episodes):
        raise LewmError(
            f"{path} holds {len(layout.lengths)} episodes, {num_episodes or 'some'} were asked "
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
    return starts, length + 1
