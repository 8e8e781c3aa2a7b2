"""Training windows straight from a file, for data larger than memory. Needs h5py.

Apart from `lewm.data`, so that auditing a model does without h5py.
"""

import hashlib
import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from lewm.errors import LewmError


class FileSource:
    """Windows from an HDF5 file in the layout of `lewm.episode_file`, frames read as needed.

    Rows count frames, so an episode of `ep_len` rows has one action fewer.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise LewmError(
                f"{path} is not a readable HDF5 file: {error}",
                next_step="check the path, or collect the episodes again",
            ) from error
        missing = {"pixels", "action", "ep_len", "ep_offset"} - set(self._file)
        if missing:
            self._file.close()
            raise LewmError(
                f"{path} lacks the columns {sorted(missing)}",
                next_step="write it with `lewm collect`, or rename its columns",
            )
        self._path = path
        self._offsets: NDArray[np.int64] = self._file["ep_offset"][:].astype(np.int64)
        self.lengths: NDArray[np.int64] = self._file["ep_len"][:].astype(np.int64) - 1

    @property
    def action_width(self) -> int:
        return int(self._file["action"].shape[1])

    @property
    def provenance(self) -> dict[str, Any]:
        """What the file says of its collection; empty when it was collected elsewhere."""
        text = self._file.attrs.get("provenance", "{}")
        found: dict[str, Any] = json.loads(text)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def read_frames(self, episode: int, times: NDArray[np.int64]) -> NDArray[np.uint8]:
        # One row at a time: strided selections of a chunked data set are hundreds of times slower.
        first = self._offsets[episode]
        column = self._file["pixels"]
        return np.stack([column[first + time] for time in times])

    def read_actions(self, episode: int) -> NDArray[np.float32]:
        first, length = self._offsets[episode], self.lengths[episode]
        actions: NDArray[np.float32] = self._file["action"][first : first + length]
        return actions.astype(np.float32)

    def digest(self) -> str:
        with self._path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
