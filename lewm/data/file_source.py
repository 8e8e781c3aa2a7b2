"""Training windows straight from an HDF5 file, for data larger than memory. Needs h5py.

Apart from `lewm.data.windows`, so that auditing a model does without h5py.

Shapes in this module: see `lewm.data.windows`.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lewm.closing import Closing
from lewm.data.columns import require_column
from lewm.data.frame_reader import FrameReader
from lewm.data.hdf5_layout import check_layout, open_hdf5, unreadable
from lewm.data.kept_actions import KeptActions
from lewm.data.sidecar import content_digest
from lewm.data.stored_stats import stored_action_stats
from lewm.data.windows import ActionStats, action_stats_of
from lewm.errors import LewmError


class FileSource(Closing):
    """Windows from an HDF5 file in the layout of `lewm.data.episode_file`, read as needed.

    Rows count frames, so an episode of `ep_len` rows has one env step fewer; the action in its last
    row, NaN or not, leads to no frame and is not among `read_actions`. Actions of episodes that
    were read are kept, at most 256 MiB of them; frames never are.
    """

    def __init__(self, path: Path) -> None:
        """Open a file.

        Raises:
            LewmError: see `hdf5_layout.open_hdf5` and `check_layout`.
        """
        self._path = path
        self._file = open_hdf5(path)
        try:
            layout = check_layout(self._file, path)
            self.provenance = self._read_provenance()
        except BaseException:
            self._file.close()
            raise
        self.columns = layout.columns
        self.lengths: NDArray[np.int64] = layout.lengths - 1
        self.num_rows = layout.num_rows
        self.offsets = layout.offsets
        self.action_width = int(self._file["action"].shape[1])
        height, width = self._file["pixels"].shape[1:3]
        self.frame_size_px = (int(height), int(width))
        self._frames = FrameReader(self._file["pixels"], path)
        self._actions = KeptActions(lambda episode: self._read_all_actions(episode)[:-1])

    def close(self) -> None:
        """Close the file and end the threads that read it."""
        self._frames.close()
        self._file.close()

    def read_frames(self, episode: int, times: NDArray[np.int64]) -> NDArray[np.uint8]:
        return self._frames.read(self.offsets[episode] + np.asarray(times, dtype=np.int64))

    def read_windows(
        self, episodes: NDArray[np.int64], times: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        rows = self.offsets[episodes][:, None] + times
        frames = self._frames.read(rows.reshape(-1))
        return frames.reshape(*times.shape, *frames.shape[1:])

    def read_actions(self, episode: int) -> NDArray[np.float32]:
        return self._actions(episode)

    def read_column(
        self, name: str, episode: int, times: NDArray[np.int64] | None = None
    ) -> NDArray[Any]:
        require_column(self._path, name, self.columns, self.columns)
        if name == "pixels" and times is not None:
            return self.read_frames(episode, times)
        values = self._read(name, episode)
        return values if times is None else values[times]

    def action_stats(self) -> ActionStats:
        def compute() -> ActionStats:
            episodes = range(len(self.lengths))
            return action_stats_of(map(self._read_all_actions, episodes), self.action_width)

        return stored_action_stats(self._path, compute)

    def digest(self) -> str:
        return content_digest(self._path)

    def _read_all_actions(self, episode: int) -> NDArray[np.float32]:
        return self._read("action", episode).astype(np.float32, copy=False)

    def _read(self, name: str, episode: int) -> NDArray[Any]:
        first = int(self.offsets[episode])
        try:
            rows = self._file[name][first : first + int(self.lengths[episode]) + 1]
        except OSError as error:
            raise unreadable(self._path, error) from error
        values: NDArray[Any] = rows
        return values

    def _read_provenance(self) -> dict[str, Any]:
        text = self._file.attrs.get("provenance", "{}")
        try:
            found = json.loads(text)
        except (TypeError, ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise LewmError(
                f"the attribute provenance of {self._path} is not a JSON object",
                next_step="remove the attribute, or collect the episodes again",
            )
        return found
