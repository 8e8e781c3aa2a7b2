"""Mean and standard deviation of rows that come in parts."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class RunningStats:
    """Statistics per column over all rows added, in constant memory, float64.

    Source: the pairwise update of Chan, Golub and LeVeque, 1979. Parts are merged in the order
    given, so the same parts give the same bits.
    """

    def __init__(self, width: int) -> None:
        self.count = 0
        self.mean = np.zeros(width)
        self.low = np.full(width, np.inf)
        self.high = np.full(width, -np.inf)
        self._squares = np.zeros(width)

    def add(self, rows: NDArray[Any]) -> None:
        """Take in rows (N, width), all finite."""
        if len(rows) == 0:
            return
        values = rows.astype(np.float64)
        total = self.count + len(values)
        mean = values.mean(axis=0)
        apart = mean - self.mean
        self._squares += np.square(values - mean).sum(axis=0)
        self._squares += np.square(apart) * (self.count * len(values) / total)
        self.mean += apart * (len(values) / total)
        self.low = np.minimum(self.low, values.min(axis=0))
        self.high = np.maximum(self.high, values.max(axis=0))
        self.count = total

    @property
    def changes(self) -> NDArray[np.bool_]:
        """Whether a column ever changes, exactly, (width,)."""
        return self.high > self.low

    @property
    def std(self) -> NDArray[np.float64]:
        """Unbiased, (width,); needs two rows."""
        deviation: NDArray[np.float64] = np.sqrt(self._squares / (self.count - 1))
        return deviation
