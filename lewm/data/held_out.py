"""Some episodes of a source, as a source: those to learn from, and those that were held out."""

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lewm.data.windows import ActionStats, Source, action_stats_of
from lewm.errors import LewmError


def split_episodes(
    num_episodes: int, *, held_out: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Episodes to train on and episodes to hold out, both in ascending order.

    Args:
        held_out: share to hold out; at least one episode is.

    Raises:
        LewmError: nothing would be left to train on.
    """
    count = max(1, round(held_out * num_episodes))
    if count >= num_episodes:
        raise LewmError(
            f"{count} of {num_episodes} episodes would be held out",
            next_step="collect more episodes",
        )
    shuffled = np.random.default_rng(seed).permutation(num_episodes)
    return np.sort(shuffled[count:]), np.sort(shuffled[:count])


class EpisodeSubset:
    """The given episodes of a source, numbered anew from 0."""

    def __init__(self, source: Source, episodes: Iterable[int]) -> None:
        self._source = source
        self._episodes = np.asarray(list(episodes), dtype=np.int64)
        self.lengths: NDArray[np.int64] = source.lengths[self._episodes]

    def read_windows(
        self, episodes: NDArray[np.int64], times: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        return self._source.read_windows(self._episodes[episodes], times)

    def read_frames(self, episode: int, times: NDArray[np.int64]) -> NDArray[np.uint8]:
        return self._source.read_frames(int(self._episodes[episode]), times)

    def read_actions(self, episode: int) -> NDArray[np.float32]:
        return self._source.read_actions(int(self._episodes[episode]))

    def read_column(
        self, name: str, episode: int, times: NDArray[np.int64] | None = None
    ) -> NDArray[Any]:
        return self._source.read_column(name, int(self._episodes[episode]), times)

    def action_stats(self) -> ActionStats:
        episodes = (self.read_actions(number) for number in range(len(self.lengths)))
        return action_stats_of(episodes, self._source.action_width)

    def digest(self) -> str:
        sha = hashlib.sha256(self._source.digest().encode())
        sha.update(self._episodes.tobytes())
        return sha.hexdigest()

    def __getattr__(self, name: str) -> Any:
        """Everything that does not depend on the choice of episodes is the source's own."""
        return getattr(self._source, name)
