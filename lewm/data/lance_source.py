"""Training windows straight from a Lance table. Needs pylance and Pillow.

Shapes in this module: see `lewm.data.windows`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lewm.closing import Closing
from lewm.data.columns import require_column
from lewm.data.jpeg import Jpeg
from lewm.data.kept_actions import KeptActions
from lewm.data.lance_layout import INDEX_COLUMNS, columns_in
from lewm.data.sidecar import content_digest
from lewm.data.stored_stats import stored_action_stats
from lewm.data.windows import ActionStats, action_stats_of
from lewm.errors import LewmError

_MAX_METADATA_BYTES = 128 * 2**20
_DAMAGE = (OSError, ValueError, RuntimeError)


class LanceSource(Closing):
    """Windows from a Lance table in the layout of `lewm.data.lance_layout`, read as needed."""

    def __init__(self, path: Path) -> None:
        """Open a table.

        Raises:
            LewmError: it is damaged, lacks columns, or its episodes are not one after another.
        """
        self._path = path
        self._data = _open(path)
        schema = self._data.schema
        missing = [n for n in ("pixels", "action", *INDEX_COLUMNS) if n not in schema.names]
        if missing:
            raise LewmError(
                f"{path} lacks {', '.join(missing)}; it holds {', '.join(sorted(schema.names))}",
                next_step="give a table in the layout of lewm.data.lance_layout",
            )
        self._columns, self.provenance = columns_in(schema)
        self.columns = tuple(sorted(self._columns))
        self.action_width = self._width_of(schema.field("action"))
        if not pa.types.is_binary(schema.field("pixels").type):
            raise LewmError(
                f"pixels of {path} are {schema.field('pixels').type}, expected one JPEG per row",
                next_step="write it with `lewm convert`, or store images as binary",
            )
        episodes, steps = (self._whole_column(name) for name in INDEX_COLUMNS)
        self.offsets, rows = _episodes(episodes, steps, path)
        self.lengths = rows - 1
        self.num_rows = len(episodes)
        self._jpeg = Jpeg()
        self._actions = KeptActions(lambda episode: self._rows_of("action", episode)[:-1])
        try:
            first = self.read_frames(0, np.zeros(1, dtype=np.int64))
        except BaseException:
            self._jpeg.close()
            raise
        self.frame_size_px = (int(first.shape[1]), int(first.shape[2]))

    def close(self) -> None:
        """End the threads that decode."""
        self._jpeg.close()

    def read_frames(self, episode: int, times: NDArray[np.int64]) -> NDArray[np.uint8]:
        return self._frames("pixels", self.offsets[episode] + np.asarray(times, dtype=np.int64))

    def read_windows(
        self, episodes: NDArray[np.int64], times: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        rows = self.offsets[episodes][:, None] + times
        frames = self._frames("pixels", rows.reshape(-1))
        return frames.reshape(*times.shape, *frames.shape[1:])

    def read_actions(self, episode: int) -> NDArray[np.float32]:
        return self._actions(episode)

    def read_column(
        self, name: str, episode: int, times: NDArray[np.int64] | None = None
    ) -> NDArray[Any]:
        require_column(self._path, name, self._columns, self.columns)
        chosen = np.arange(self.lengths[episode] + 1) if times is None else np.asarray(times)
        column = self._columns[name]
        stored = name if column is None else column.stored_name
        rows = self.offsets[episode] + chosen
        if pa.types.is_binary(self._data.schema.field(stored).type):
            return self._frames(stored, rows)
        values = self._take(stored, rows)
        return values if column is None else _as_it_was(values, column.shape, column.dtype)

    def action_stats(self) -> ActionStats:
        def compute() -> ActionStats:
            return action_stats_of(self._all_actions(), self.action_width)

        return stored_action_stats(self._path, compute)

    def digest(self) -> str:
        return content_digest(self._path)

    def _width_of(self, field: pa.Field) -> int:
        if not pa.types.is_fixed_size_list(field.type) or field.type.list_size == 0:
            raise LewmError(
                f"action of {self._path} is {field.type}, expected a list of numbers of one size",
                next_step="write it with `lewm convert`",
            )
        return int(field.type.list_size)

    def _whole_column(self, name: str) -> NDArray[np.int64]:
        try:
            column = self._data.to_table(columns=[name]).column(name)
            values: NDArray[np.int64] = column.to_numpy().astype(np.int64)
        except _DAMAGE as error:
            raise _damaged(self._path, error) from error
        return values

    def _all_actions(self) -> Iterator[NDArray[np.float32]]:
        """Actions of each episode with those of its last row, in one pass over the table."""
        waiting, episode = np.empty((0, self.action_width), dtype=np.float32), 0
        try:
            for batch in self._data.to_batches(columns=["action"]):
                waiting = np.concatenate([waiting, _numbers(batch.column(0))])
                while episode < len(self.lengths) and len(waiting) > self.lengths[episode]:
                    rows = int(self.lengths[episode]) + 1
                    yield waiting[:rows]
                    waiting, episode = waiting[rows:], episode + 1
        except _DAMAGE as error:
            raise _damaged(self._path, error) from error

    def _rows_of(self, name: str, episode: int) -> NDArray[Any]:
        first, rows = int(self.offsets[episode]), int(self.lengths[episode]) + 1
        return self._take(name, np.arange(first, first + rows))

    def _take(self, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
        try:
            column = self._data.take(rows.tolist(), columns=[name]).column(name)
        except _DAMAGE as error:
            raise _damaged(self._path, error) from error
        return _numbers(column.combine_chunks())

    def _frames(self, name: str, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        try:
            packed = self._data.take(rows.tolist(), columns=[name]).column(name).to_pylist()
            return np.stack(self._jpeg.unpack(packed))
        except (*_DAMAGE, TypeError) as error:
            raise _damaged(self._path, error) from error


def _open(path: Path) -> Any:
    try:
        return lance.dataset(str(path), metadata_cache_size_bytes=_MAX_METADATA_BYTES)
    except _DAMAGE as error:
        raise _damaged(path, error) from error


def _numbers(column: pa.Array) -> NDArray[Any]:
    """(N, size) for lists of one size, (N,) otherwise."""
    if pa.types.is_fixed_size_list(column.type):
        flat = column.flatten().to_numpy(zero_copy_only=False)
        values: NDArray[Any] = flat.reshape(len(column), column.type.list_size)
        return values
    plain: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return plain


def _as_it_was(values: NDArray[Any], shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    if np.dtype(dtype).kind in "OUS":
        return values.astype(object)
    return values.reshape(len(values), *shape).astype(dtype)


def _episodes(
    episodes: NDArray[np.int64], steps: NDArray[np.int64], path: Path
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First row and number of rows of each episode."""
    if len(episodes) == 0:
        raise LewmError(f"{path} holds no episode", next_step="collect some")
    change = np.diff(episodes)
    offsets = np.concatenate([[0], np.flatnonzero(change) + 1]).astype(np.int64)
    rows = np.diff(np.concatenate([offsets, [len(episodes)]]))
    expected = np.arange(len(episodes)) - np.repeat(offsets, rows)
    for is_wrong, problem in (
        (
            np.concatenate([[False], change < 0]),
            "belongs to an earlier episode than the row before",
        ),
        (steps != expected, "is not the step that follows in its episode"),
    ):
        if is_wrong.any():
            row = int(np.argmax(is_wrong))
            raise LewmError(
                f"row {row} of {path}, episode {episodes[row]} step {steps[row]}, {problem}",
                next_step="sort the rows by episode and step, or collect the episodes again",
            )
    return offsets, rows.astype(np.int64)


def _damaged(path: Path, error: Exception) -> LewmError:
    reason = (str(error).splitlines() or [""])[0][:200]
    return LewmError(
        f"{path} is not a readable Lance table: {reason}",
        next_step="check the path; if it is damaged, download or write it again",
    )
