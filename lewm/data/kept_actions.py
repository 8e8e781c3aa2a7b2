"""Actions of episodes, read once and kept while they take little room."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_MAX_BYTES = 256 * 2**20


class KeptActions:
    """Reads the actions of an episode, (T, A), and keeps them, at most 256 MiB in all."""

    def __init__(self, read: Callable[[int], NDArray[np.float32]]) -> None:
        self._read = read
        self._kept: dict[int, NDArray[np.float32]] = {}
        self._num_bytes = 0

    def __call__(self, episode: int) -> NDArray[np.float32]:
        actions = self._kept.get(episode)
        if actions is None:
            actions = self._read(episode)
            if self._num_bytes + actions.nbytes <= _MAX_BYTES:
                self._kept[episode] = actions
                self._num_bytes += actions.nbytes
        return actions
