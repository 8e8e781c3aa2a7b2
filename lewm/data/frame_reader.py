"""Frames out of an HDF5 column, as fast as its layout allows. Needs h5py.

Shapes in this module:
    N  frames read    H, W  their size
"""

import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from lewm.data.hdf5_filters import filters_of
from lewm.data.hdf5_layout import unreadable

_GZIP = 1
_ROOM_FOR_WORSE = 4096  # what gzip may add to a frame that cannot be packed
_MAX_THREADS = 16
_MIN_FRAMES_PER_THREAD = 8


class FrameReader:
    """Reads rows of `pixels`.

    One frame per chunk packed with gzip, the layout that `lewm collect` writes, is unpacked here
    and in several threads: HDF5 would hold one lock all the while. In other layouts rows of one
    chunk are read as one range, since h5py is hundreds of times slower with a stride.
    """

    def __init__(self, column: h5py.Dataset, path: Path) -> None:
        self._column = column
        self._path = path
        self._shape: tuple[int, ...] = column.shape[1:]
        self._chunk_rows: int = column.chunks[0] if column.chunks else 1
        whole_frames = column.chunks == (1, *self._shape)
        self._is_gzip = whole_frames and [code for code, _ in filters_of(column)] == [_GZIP]
        self._pool: ThreadPoolExecutor | None = None

    def close(self) -> None:
        """End the threads, if any were started."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Frames of these rows, (N, H, W, 3), in the order given.

        Raises:
            LewmError: the file is damaged.
        """
        frames = np.empty((len(rows), *self._shape), dtype=np.uint8)
        try:
            if not self._is_gzip:
                self._read_ranges(rows, frames)
                return frames
            threads = min(os.cpu_count() or 1, _MAX_THREADS, len(rows) // _MIN_FRAMES_PER_THREAD)
            if threads < 2:
                self._unpack(rows, frames)
                return frames
            self._pool = self._pool or ThreadPoolExecutor(min(os.cpu_count() or 1, _MAX_THREADS))
            parts = np.array_split(np.arange(len(rows)), threads)
            for done in [
                self._pool.submit(self._unpack, rows[part], frames[part[0] : part[-1] + 1])
                for part in parts
            ]:
                done.result()
        except (OSError, zlib.error, ValueError) as error:
            raise unreadable(self._path, OSError(str(error))) from error
        return frames

    def _unpack(self, rows: NDArray[np.int64], frames: NDArray[np.uint8]) -> None:
        # A buffer of our own: without one h5py asks for memory of any size where a chunk was never
        # written. (To look a chunk up first takes time in proportion to all chunks.)
        buffer = np.empty(frames[0].nbytes + _ROOM_FOR_WORSE, dtype=np.uint8)
        for row, frame in zip(rows.tolist(), frames, strict=True):
            try:
                mask, packed = self._column.id.read_direct_chunk((row, 0, 0, 0), out=buffer)
            except (OSError, RuntimeError, ValueError):
                frame[:] = self._column[row]  # never written: the fill value; damaged: an OSError
                continue
            data = packed if mask else zlib.decompress(packed)
            frame[:] = np.frombuffer(data, dtype=np.uint8).reshape(self._shape)

    def _read_ranges(self, rows: NDArray[np.int64], frames: NDArray[np.uint8]) -> None:
        if self._chunk_rows == 1:
            for row, frame in zip(rows.tolist(), frames, strict=True):
                frame[:] = self._column[row]
            return
        chunks = rows // self._chunk_rows
        for chunk in np.unique(chunks):
            where = np.flatnonzero(chunks == chunk)
            first, last = int(rows[where].min()), int(rows[where].max())
            frames[where] = self._column[first : last + 1][rows[where] - first]
