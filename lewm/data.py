"""Episodes to training windows.

Shapes in this module:
    E  episodes         T  env steps of an episode       B  windows
    F  frames of a window (history + 1)                  K  env steps between them
    A  action width     H, W  image size

Frame t of an episode is what is seen before action t; an episode has one frame more than actions.
"""

import hashlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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


class Source(Protocol):
    """Where windows come from."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Env steps of each episode, (E,)."""

    def read_frames(self, episode: int, times: NDArray[np.int64]) -> NDArray[np.uint8]:
        """(len(times), H, W, 3)."""

    def read_actions(self, episode: int) -> NDArray[np.float32]:
        """All actions of an episode, (T, A)."""

    def digest(self) -> str:
        """SHA-256 of what is read, in hexadecimal."""


@dataclass(frozen=True)
class ActionStats:
    """Mean and unbiased standard deviation of each raw action dimension, (A,)."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

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


def pixels_from_frames(frames: NDArray[np.uint8] | Tensor) -> Tensor:
    """uint8 (..., H, W, 3) to ImageNet-normalized float32 (..., 3, H, W)."""
    pixels = torch.as_tensor(frames).to(torch.float32)
    std = 255.0 * pixels.new_tensor(_IMAGENET_STD)
    pixels -= 255.0 * pixels.new_tensor(_IMAGENET_MEAN)
    pixels /= std
    return pixels.movedim(-1, -3)


class MemorySource:
    """Windows from episodes in memory; frames stay uint8."""

    def __init__(self, episodes: EpisodeArrays) -> None:
        self._frames = episodes.frames
        self._actions = episodes.actions
        self.lengths = np.full(len(self._actions), self._actions.shape[1], dtype=np.int64)

    def read_frames(self, episode: int, times: NDArray[np.int64]) -> NDArray[np.uint8]:
        frames: NDArray[np.uint8] = self._frames[episode, times]
        return frames

    def read_actions(self, episode: int) -> NDArray[np.float32]:
        actions: NDArray[np.float32] = self._actions[episode]
        return actions

    def digest(self) -> str:
        sha = hashlib.sha256()
        for array in (self._frames, self._actions):
            sha.update(str((array.shape, array.dtype.str)).encode())
            sha.update(np.ascontiguousarray(array).data)
        return sha.hexdigest()


class Windows:
    """Every window of `num_frames` frames, `block_size` env steps apart, with dense actions.

    The released recipe also demands the block after the last frame, which no loss reads; we do not,
    so an episode of T env steps has T - (num_frames - 1) * block_size + 1 windows.
    """

    def __init__(self, source: Source, *, num_frames: int, block_size: int) -> None:
        self.source = source
        self.num_frames = num_frames
        self.block_size = block_size
        self._span = (num_frames - 1) * block_size
        starts = np.maximum(source.lengths - self._span + 1, 0)
        self._ends = np.cumsum(starts)
        if len(starts) == 0 or self._ends[-1] == 0:
            raise LewmError(
                f"no episode is {self._span} env steps long",
                next_step="collect longer episodes, or lower block_size or history",
            )
        self._actions = [source.read_actions(episode) for episode in range(len(starts))]
        pooled = np.concatenate(self._actions).astype(np.float64)
        pooled = pooled[~np.isnan(pooled).any(axis=1)]
        if len(pooled) < 2 or not (pooled.std(axis=0) > 0).all():
            raise LewmError(
                f"{len(pooled)} of the actions are numbers, and they never change in some "
                "dimension: there is nothing to scale by",
                next_step="check the action column of the data",
            )
        self.action_stats = ActionStats(
            mean=tuple(pooled.mean(axis=0).tolist()), std=tuple(pooled.std(axis=0, ddof=1).tolist())
        )

    def __len__(self) -> int:
        return int(self._ends[-1])

    def gather(self, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """The windows with these indices.

        Returns:
            pixels, normalized, (B, F, 3, H, W), and normalized action blocks, (B, F - 1, K, A).
            A NaN action becomes the mean action.
        """
        episodes = np.searchsorted(self._ends, indices, side="right")
        before = np.where(episodes > 0, self._ends[episodes - 1], 0)
        frames, actions = [], []
        for episode, start in zip(episodes, indices - before, strict=True):
            times = start + self.block_size * np.arange(self.num_frames)
            frames.append(self.source.read_frames(int(episode), times))
            actions.append(self._actions[episode][start : start + self._span])
        stacked = torch.from_numpy(np.stack(actions))
        blocks = self.action_stats.normalize(stacked).nan_to_num(nan=0.0)
        shape = (len(indices), self.num_frames - 1, self.block_size, blocks.shape[-1])
        return pixels_from_frames(np.stack(frames)), blocks.reshape(shape)
