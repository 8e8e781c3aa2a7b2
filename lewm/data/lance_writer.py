"""Writes episodes as a Lance table. Needs pylance and Pillow.

Shapes in this module: see `lewm.data.lance_layout`.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import lance
import numpy as np
import pyarrow as pa
from lance.fragment import write_fragments
from numpy.typing import NDArray

from lewm.data.jpeg import QUALITY, Jpeg
from lewm.data.lance_layout import Column, columns_of, schema_of
from lewm.data.new_data import refuse_to_overwrite
from lewm.errors import LewmError

_ROWS_PER_FRAGMENT = 16_384
_BYTES_PER_FRAGMENT = 64 * 2**20


class LanceWriter:
    """Writes episodes as they come; the folder appears, whole, when the writer closes.

    Use it in a `with` block. Until the block ends without an error the rows lie in
    `<path>.partial`, which an error removes. Frames lose a little, see `lewm.data.jpeg`; numbers
    become float32.
    """

    def __init__(
        self,
        path: Path,
        *,
        provenance: Mapping[str, Any] | None = None,
        quality: int = QUALITY,
    ) -> None:
        """Name what will be written.

        Args:
            path: the folder to make; it ends in `.lance` and must not exist.
            provenance: what the episodes can be collected again from, as plain JSON.
            quality: of the JPEGs, 1 to 100.

        Raises:
            LewmError: another suffix, it exists, or its folder does not.
        """
        if path.suffix != ".lance":
            raise LewmError(
                f"{path} does not end in .lance, by which other tools know a Lance table",
                next_step="choose a name that does",
            )
        refuse_to_overwrite(path)
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        self._provenance = provenance or {}
        self._columns: list[Column] = []
        self._schema: pa.Schema | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._fragments: list[Any] = []
        self._num_episodes = 0
        self._jpeg = Jpeg(quality=quality)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._finish()
        finally:
            self._jpeg.close()
            shutil.rmtree(self._partial, ignore_errors=True)

    def append_columns(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Write one episode, of any length; see `EpisodeWriter.append_columns`.

        Raises:
            LewmError: rows of unequal number, or other columns or sizes than before.
        """
        found = columns_of(columns)
        numbers = {column.name: len(columns[column.name]) for column in found}
        num_rows = numbers.get("pixels", 0)
        if set(numbers.values()) != {num_rows} or num_rows == 0 or "action" not in numbers:
            raise LewmError(
                f"columns of an episode have rows {numbers}, expected as many of each, pixels and "
                "action among them",
                next_step="give one row per frame in every column",
            )
        if self._schema is None:
            self._columns, self._schema = found, schema_of(found, self._provenance)
        elif found != self._columns:
            raise LewmError(
                f"an episode has the columns {[c.name for c in found]}, sized "
                f"{[c.shape for c in found]}; before they were {[c.name for c in self._columns]}, "
                f"{[c.shape for c in self._columns]}",
                next_step="write episodes of other columns into another table",
            )
        arrays = [
            pa.array(np.full(num_rows, self._num_episodes, dtype=np.int32)),
            pa.array(np.arange(num_rows, dtype=np.int32)),
        ]
        arrays += [self._stored(column, columns[column.name]) for column in found]
        self._waiting.append(pa.record_batch(arrays, schema=self._schema))
        self._num_episodes += 1
        waiting = sum(batch.num_rows for batch in self._waiting)
        size = sum(batch.nbytes for batch in self._waiting)
        if waiting >= _ROWS_PER_FRAGMENT or size >= _BYTES_PER_FRAGMENT:
            self._flush()

    def _stored(self, column: Column, values: NDArray[Any]) -> pa.Array:
        if column.is_image:
            return pa.array(self._jpeg.pack(values), type=pa.binary())
        if column.is_text:
            texts = [v.decode() if isinstance(v, bytes) else str(v) for v in values.tolist()]
            return pa.array(texts, type=pa.string())
        flat = np.ascontiguousarray(values, dtype=np.float32).reshape(-1)
        return pa.FixedSizeListArray.from_arrays(pa.array(flat), int(np.prod(column.shape)))

    def _flush(self) -> None:
        table = pa.Table.from_batches(self._waiting)
        self._fragments += write_fragments(
            table, str(self._partial), schema=self._schema, mode="create"
        )
        self._waiting = []

    def _finish(self) -> None:
        if self._schema is None:
            raise LewmError(
                f"no episode was given for {self._path}", next_step="append at least one"
            )
        if self._waiting:
            self._flush()
        operation = lance.LanceOperation.Overwrite(self._schema, self._fragments)
        lance.LanceDataset.commit(str(self._partial), operation)
        self._partial.rename(self._path)
