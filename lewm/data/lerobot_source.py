"""Training windows from a LeRobot data set, through the `lerobot` package.

LeRobot counts as we do: the action of a row is taken from its frame. Its last action of an episode
is a number and leads to no frame here, so it enters the statistics and no window. Frames come out
of the package as floats from 0 to 1, channels first, and are brought back to bytes; video loses
before that.

Reads what `LeRobotDataset` offers in both generations of its layout (v2, v3): `hf_dataset`,
`meta.camera_keys`, `features`, `root` and `[row]`. Shapes: see `lewm.data.windows`.
"""

import hashlib
import importlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lewm.closing import Closing
from lewm.data.columns import require_column
from lewm.data.sidecar import content_digest, files_digest
from lewm.data.windows import ActionStats, action_stats_of
from lewm.errors import LewmError

_MODULES = ("lerobot.datasets.lerobot_dataset", "lerobot.common.datasets.lerobot_dataset")
_PARTS = ("meta", "data", "videos", "images")
"""Folders of a data set, in both generations of the layout; the first is always there."""
_FEATURES_OF_A_ROW = ("episode_index", "frame_index", "timestamp", "index", "task_index")


class LeRobotSource(Closing):
    """Windows from a LeRobot data set: a folder on this machine, or a repository of its hub."""

    def __init__(self, name: str | Path, *, camera: str | None = None) -> None:
        """Open a data set.

        Args:
            name: a folder (Path), or the name of a repository (str).
            camera: which camera's frames, where there are several.

        Raises:
            LewmError: the package is missing, the data cannot be opened, have no action, or have
                several cameras of which none was chosen.
        """
        make = _dataset_class(name)
        try:
            if isinstance(name, Path):
                self._data = make(name.name, root=name)
            else:
                self._data = make(name)
        except Exception as error:  # the package raises what its dependencies do
            raise LewmError(
                f"lerobot cannot open {name}: {type(error).__name__}: {error}",
                next_step="check the name, and that the data set is of a version it reads",
            ) from error
        self._name = name
        self._digest = ""
        self._camera = _choose_camera(name, list(self._data.meta.camera_keys), camera)
        if "action" not in self._data.features:
            raise LewmError(
                f"{name} lacks action; it holds {', '.join(sorted(self._data.features))}",
                next_step="choose a data set that says what was done",
            )
        episodes = self._column("episode_index").astype(np.int64)
        change = np.flatnonzero(np.diff(episodes)) + 1
        self.offsets = np.concatenate([[0], change]).astype(np.int64)
        self.lengths = np.diff(np.concatenate([self.offsets, [len(episodes)]])) - 1
        self._table = {
            column: self._column(column)
            for column in self._data.features
            if column not in self._data.meta.camera_keys and column not in _FEATURES_OF_A_ROW
        }
        self._actions = self._table["action"].astype(np.float32).reshape(len(episodes), -1)
        self.columns = ("pixels", *sorted(self._table))
        self.action_width = int(self._actions.shape[1])
        height, width = self._frame(0).shape[:2]
        self.frame_size_px = (int(height), int(width))
        self.provenance: dict[str, Any] = {}

    def read_frames(self, episode: int, times: NDArray[np.int64]) -> NDArray[np.uint8]:
        return np.stack([self._frame(int(self.offsets[episode] + time)) for time in times])

    def read_windows(
        self, episodes: NDArray[np.int64], times: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        return np.stack(
            [
                self.read_frames(int(episode), wanted)
                for episode, wanted in zip(episodes, times, strict=True)
            ]
        )

    def read_actions(self, episode: int) -> NDArray[np.float32]:
        first = self.offsets[episode]
        return self._actions[first : first + self.lengths[episode]]

    def read_column(
        self, name: str, episode: int, times: NDArray[np.int64] | None = None
    ) -> NDArray[Any]:
        chosen = np.arange(self.lengths[episode] + 1) if times is None else times
        if name == "pixels":
            return self.read_frames(episode, chosen)
        require_column(self._name, name, self._table, self.columns)
        values: NDArray[Any] = self._table[name][self.offsets[episode] + chosen]
        return values

    def action_stats(self) -> ActionStats:
        ends = self.offsets + self.lengths + 1
        rows = zip(self.offsets, ends, strict=True)
        return action_stats_of((self._actions[first:end] for first, end in rows), self.action_width)

    def digest(self) -> str:
        """Of a folder, of its files; of a repository, of its name and of the files fetched of it.

        What the package keeps beside them, such as when they were fetched, does not count.

        Raises:
            LewmError: it is not known where they are.
        """
        if isinstance(self._name, Path):
            return content_digest(self._name)
        root = getattr(self._data, "root", None)
        parts = [part for of in _PARTS if root and (part := Path(root) / of).is_dir()]
        if _PARTS[0] not in [part.name for part in parts]:
            raise LewmError(
                f"{self._name} is a repository, and lerobot does not say where its files are: "
                "there is no digest of its frames",
                next_step="download it and name the folder",
            )
        if not self._digest:
            sha = hashlib.sha256(self._name.encode())
            for part in parts:
                sha.update(f"\n{files_digest(part)}  {part.name}".encode())
            self._digest = sha.hexdigest()
        return self._digest

    def _column(self, name: str) -> NDArray[Any]:
        """All rows of a column that is no camera's; without the others, no frame is decoded."""
        table = self._data.hf_dataset
        try:
            narrow = getattr(table, "select_columns", None)
            return _array((narrow([name]) if narrow else table)[name])
        except Exception as error:  # the package raises what its dependencies do
            raise LewmError(
                f"lerobot cannot read {name} of {self._name}: {type(error).__name__}: {error}",
                next_step="check that its files are whole",
            ) from error

    def _frame(self, row: int) -> NDArray[np.uint8]:
        try:
            frame = _array(self._data[row][self._camera])
        except Exception as error:  # the package raises what its decoders do
            raise LewmError(
                f"lerobot cannot read row {row} of {self._name}: {type(error).__name__}: {error}",
                next_step="check that its files are whole and that lerobot can decode them here",
            ) from error
        if frame.dtype == np.uint8:
            return frame.transpose(1, 2, 0)
        bytes_: NDArray[np.uint8] = np.rint(255.0 * frame.transpose(1, 2, 0)).astype(np.uint8)
        return bytes_


def _dataset_class(name: str | Path) -> Any:
    for module in _MODULES:
        try:
            return importlib.import_module(module).LeRobotDataset
        except ModuleNotFoundError as error:
            if not str(error.name).startswith("lerobot"):
                raise _cannot_be_loaded(name, error) from error
        except Exception as error:  # a package of its own that does not fit, such as torchvision
            raise _cannot_be_loaded(name, error) from error
    raise LewmError(
        f"{name} is a LeRobot data set; the package lerobot, which reads it, is not installed",
        next_step="pip install lerobot, or convert the data set to HDF5 where it is",
    )


def _cannot_be_loaded(name: str | Path, error: Exception) -> LewmError:
    return LewmError(
        f"{name} is a LeRobot data set; the package lerobot, which reads it, is installed and "
        f"cannot be loaded: {type(error).__name__}: {error}",
        next_step="mend that installation, or convert the data set to HDF5 where lerobot runs",
    )


def _choose_camera(name: str | Path, cameras: list[str], chosen: str | None) -> str:
    if chosen in cameras:
        return str(chosen)
    if chosen is None and len(cameras) == 1:
        return cameras[0]
    raise LewmError(
        f"{name} has the cameras {cameras}, {chosen or 'none'} was chosen",
        next_step="name one of them: lerobot://NAME?camera=KEY",
    )


def _array(values: Any) -> NDArray[Any]:
    """A column or a value of the package, whatever it is made of."""
    if hasattr(values, "numpy"):
        return np.asarray(values.numpy())
    if hasattr(values, "__array__"):
        return np.asarray(values)
    return np.asarray([_array(value) if hasattr(value, "numpy") else value for value in values])
