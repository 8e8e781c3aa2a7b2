"""Episodes to training windows.

Shapes in this module:
    E  episodes         T  env steps of an episode       B  windows
    F  frames of a window (history + 1)                  K  env steps between them
    A  action width     H, W  image size

Frame t of an episode is what is seen before action t; an episode of T env steps has T + 1 frames.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lewm.closing import Closing
from lewm.data.running_stats import RunningStats
from lewm.errors import LewmError

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


class EpisodeArrays(Protocol):
    """Episodes of one length, in memory."""

    @property
    def frames(self) -> NDArray[np.uint8]:
        """(E, T + 1, H, W, 3)."""

    @property
    def actions(self) -> NDArray[np.float32]:
        """Env units, taken from each frame, (E, T, A)."""


@dataclass(frozen=True)
class ActionStats:
    """Mean and unbiased standard deviation of each raw action dimension, (A,)."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    count: int = field(default=0, compare=False)
    """Actions behind them; 0 where nobody knows any more, as in a checkpoint."""

    def __post_init__(self) -> None:
        values = (*self.mean, *self.std)
        if len(self.mean) != len(self.std) or not np.isfinite(values).all() or min(self.std) <= 0:
            raise ValueError(f"action statistics must be finite with std > 0, got {self}")

    def normalize(self, actions: Tensor) -> Tensor:
        """Env units to z-scores, (..., A)."""
        scaled: Tensor = (actions - actions.new_tensor(self.mean)) / actions.new_tensor(self.std)
        return scaled

    def restore(self, actions: Tensor) -> Tensor:
        """Z-scores to env units, (..., A)."""
        raw: Tensor = actions * actions.new_tensor(self.std) + actions.new_tensor(self.mean)
        return raw


class Source(Protocol):
    """Where windows come from: episodes in memory, in a file, in a folder. Use it as a context."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Env steps of each episode, (E,); its frames are one more."""

    @property
    def action_width(self) -> int:
        """A."""

    @property
    def frame_size_px(self) -> tuple[int, int]:
        """H, W."""

    @property
    def columns(self) -> tuple[str, ...]:
        """What `read_column` can read: one value per frame each."""

    @property
    def provenance(self) -> dict[str, Any]:
        """What the data say of their collection; empty when they were collected elsewhere."""

    def read_frames(self, episode: int, times: NDArray[np.int64]) -> NDArray[np.uint8]:
        """(len(times), H, W, 3)."""

    def read_windows(
        self, episodes: NDArray[np.int64], times: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        """Frames of many windows at once, (B, F, H, W, 3), for times (B, F)."""

    def read_actions(self, episode: int) -> NDArray[np.float32]:
        """All actions of an episode, (T, A)."""

    def read_column(
        self, name: str, episode: int, times: NDArray[np.int64] | None = None
    ) -> NDArray[Any]:
        """A column at these times of an episode, or at all T + 1."""

    def action_stats(self) -> ActionStats:
        """Statistics over every action of the data.

        Raises:
            LewmError: an action inside an episode is not finite, or no dimension ever changes.
        """

    def digest(self) -> str:
        """SHA-256 of what is read, in hexadecimal."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def pixels_from_frames(frames: NDArray[np.uint8] | Tensor) -> Tensor:
    """uint8 (..., H, W, 3) to ImageNet-normalized float32 (..., 3, H, W)."""
    pixels = torch.as_tensor(frames).to(torch.float32)
    std = 255.0 * pixels.new_tensor(_IMAGENET_STD)
    pixels -= 255.0 * pixels.new_tensor(_IMAGENET_MEAN)
    pixels /= std
    return pixels.movedim(-1, -3)


class MemorySource(Closing):
    """Windows from episodes in memory; frames stay uint8."""

    columns: tuple[str, ...] = ("pixels", "action", "state")

    def __init__(self, episodes: EpisodeArrays) -> None:
        self._frames = episodes.frames
        self._actions = episodes.actions
        states = getattr(episodes, "states", None)
        self._columns: dict[str, NDArray[Any]] = {"pixels": self._frames, "action": self._actions}
        if states is None:
            self.columns = ("pixels", "action")
        else:
            self._columns["state"] = states
        self.lengths = np.full(len(self._actions), self._actions.shape[1], dtype=np.int64)
        self.action_width = int(self._actions.shape[2])
        height, width = self._frames.shape[2:4]
        self.frame_size_px = (int(height), int(width))
        self.provenance: dict[str, Any] = {}

    def read_frames(self, episode: int, times: NDArray[np.int64]) -> NDArray[np.uint8]:
        frames: NDArray[np.uint8] = self._frames[episode, times]
        return frames

    def read_windows(
        self, episodes: NDArray[np.int64], times: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        frames: NDArray[np.uint8] = self._frames[episodes[:, None], times]
        return frames

    def read_actions(self, episode: int) -> NDArray[np.float32]:
        actions: NDArray[np.float32] = self._actions[episode]
        return actions

    def read_column(
        self, name: str, episode: int, times: NDArray[np.int64] | None = None
    ) -> NDArray[Any]:
        values: NDArray[Any] = self._columns[name][episode]
        if name == "action":
            values = np.concatenate([values, np.full_like(values[:1], np.nan)])
        return values if times is None else values[times]

    def action_stats(self) -> ActionStats:
        return action_stats_of(iter(self._actions), self.action_width)

    def digest(self) -> str:
        sha = hashlib.sha256()
        for array in (self._frames, self._actions):
            sha.update(str((array.shape, array.dtype.str)).encode())
            sha.update(np.ascontiguousarray(array).data)
        return sha.hexdigest()


def action_stats_of(episodes: Iterator[NDArray[np.float32]], action_width: int) -> ActionStats:
    """Statistics over the actions of all episodes, read one episode at a time.

    A row that is not finite is dropped where it ends an episode, and refused elsewhere. A dimension
    that never changes gets the standard deviation 1e-8: its z-score is 0, and a planner that
    restores what it sampled commands the one value that was ever seen. (The reference clamps to the
    same number.)

    Args:
        episodes: actions of each episode, (T, A) or, with the row of the last frame, (T + 1, A).
        action_width: A.

    Raises:
        LewmError: an action inside an episode is not finite, fewer than two are, or none changes.
    """
    running = RunningStats(action_width)
    for number, actions in enumerate(episodes):
        finite = np.logical_and.reduce(np.isfinite(actions), axis=1)
        if not finite[:-1].all():
            raise LewmError(
                f"episode {number} holds an action that is not a number at step "
                f"{int(np.argmin(finite))} of {len(actions)}; only its last may be NaN",
                next_step="leave the episode out, or collect it again",
            )
        running.add(actions[finite])
    if running.count < 2 or not running.changes.any():
        raise LewmError(
            f"{running.count} of the actions are numbers, and no dimension of them ever changes: "
            "there is nothing to scale by",
            next_step="check the action column of the data",
        )
    std = np.where(running.changes, running.std, _STD_OF_A_CONSTANT)
    return ActionStats(tuple(running.mean.tolist()), tuple(std.tolist()), count=running.count)


_STD_OF_A_CONSTANT = 1e-8


class Windows:
    """Every window of `num_frames` frames, `block_size` env steps apart, with dense actions.

    The index is the reference's: all (episode, start) with
    start <= rows - num_frames * block_size, in that order, where an episode of T env steps has
    rows = T + 1. So 4 frames 5 env steps apart give rows - 19 windows, and the block after the last
    frame lies inside the episode although no loss reads it. That block is where the reference meets
    the NaN action of an episode's last row (it z-scores, then sets NaN to 0); `gather` leaves the
    block out, so no NaN is ever read.

    Attributes:
        num_short_episodes: episodes with fewer rows than a window, which give none.
        action_stats: over all actions of the source, not only those in windows.
    """

    def __init__(self, source: Source, *, num_frames: int, block_size: int) -> None:
        """Index the windows of a source.

        Raises:
            LewmError: no episode is long enough, or the actions cannot be scaled by.
        """
        self.source = source
        self.num_frames = num_frames
        self.block_size = block_size
        rows = num_frames * block_size
        starts = np.maximum(source.lengths + 1 - rows + 1, 0)
        self.num_short_episodes = int((starts == 0).sum())
        self._ends = np.cumsum(starts)
        if len(starts) == 0 or self._ends[-1] == 0:
            longest = int(source.lengths.max(initial=-1)) + 1
            raise LewmError(
                f"no episode has the {rows} frames of a window ({num_frames} frames, {block_size} "
                f"env steps each); the longest of {len(starts)} episodes has {longest}",
                next_step="collect longer episodes, or lower block_size or history",
            )
        self.action_stats = source.action_stats()

    def __len__(self) -> int:
        return int(self._ends[-1])

    def locate(self, indices: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Episode and first frame of these windows, (B,) each."""
        episodes = np.searchsorted(self._ends, indices, side="right")
        before = np.where(episodes > 0, self._ends[episodes - 1], 0)
        return episodes.astype(np.int64), indices - before

    def read(self, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """The windows with these indices, frames as they are stored.

        Returns:
            frames, uint8, (B, F, H, W, 3), for `pixels_from_frames` on the device that trains, and
            normalized action blocks, (B, F - 1, K, A).
        """
        episodes, starts = self.locate(np.asarray(indices, dtype=np.int64))
        times = starts[:, None] + self.block_size * np.arange(self.num_frames)
        span = (self.num_frames - 1) * self.block_size
        frames = self.source.read_windows(episodes, times)
        actions = np.stack(
            [
                self.source.read_actions(int(episode))[start : start + span]
                for episode, start in zip(episodes, starts, strict=True)
            ]
        )
        blocks = self.action_stats.normalize(torch.from_numpy(actions))
        shape = (len(episodes), self.num_frames - 1, self.block_size, blocks.shape[-1])
        return torch.from_numpy(frames), blocks.reshape(shape)

    def gather(self, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """The windows with these indices, pixels normalized: (B, F, 3, H, W), (B, F - 1, K, A)."""
        frames, blocks = self.read(indices)
        return pixels_from_frames(frames), blocks
