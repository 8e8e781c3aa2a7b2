"""Which windows make up each batch."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class BatchOrder:
    """Batches of window indices: shuffled passes over the data, incomplete batches dropped."""

    def __init__(self, num_windows: int, batch_size: int, *, seed: int) -> None:
        self._num_windows = num_windows
        self._batch_size = batch_size
        self._rng = np.random.default_rng(seed)
        self.left: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        """What is still to come of the present pass."""

    def __next__(self) -> NDArray[np.int64]:
        if len(self.left) < self._batch_size:
            self.left = self._rng.permutation(self._num_windows)
        batch, self.left = self.left[: self._batch_size], self.left[self._batch_size :]
        return batch

    def generator_state(self) -> dict[str, Any]:
        """Plain JSON data from which, with `left`, `restore` goes on."""
        return dict(self._rng.bit_generator.state)

    def restore(self, generator_state: dict[str, Any], left: NDArray[np.int64]) -> None:
        """Go on where `generator_state()` and `left` were taken."""
        self._rng.bit_generator.state = generator_state
        self.left = left
