"""Intervals around rates: exact for one planner stream, by bootstrap over episodes for several.

Shapes in this module:
    N  cases    C  episodes they come from
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

_RESAMPLES = 5000
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % interval."""

    value: float
    low: float
    high: float
    kind: Literal["clopper_pearson", "bootstrap"]

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {"value": self.value, "low": self.low, "high": self.high, "interval": self.kind}


def exact(num_solved: int, num: int) -> Interval:
    """Clopper and Pearson 1934."""
    found = binomtest(num_solved, num).proportion_ci(_CONFIDENCE, "exact")
    return Interval(num_solved / num, float(found.low), float(found.high), "clopper_pearson")


def over_episodes(
    values: NDArray[np.float64],
    episodes: NDArray[np.int64],
    *,
    signed: bool = False,
    seed: int = 0,
) -> Interval:
    """Mean of cases, with whole episodes drawn again: cases of one episode are not independent.

    Where all values are 0 or all are 1 a bootstrap has no width; then the interval is the exact
    one of as many trials as there are episodes. Of differences that are all 0 it reaches as far to
    either side, and of those that are all -1 it is mirrored.

    Args:
        values: one number per case, such as its success averaged over streams, (N,).
        episodes: which episode each case comes from, (N,).
        signed: whether the numbers are differences of successes, from -1 to 1.
        seed: of the bootstrap.
    """
    _, groups = np.unique(episodes, return_inverse=True)
    num_cases = np.bincount(groups)
    totals = np.bincount(groups, weights=values)
    value = float(values.mean())
    if (values == values[0]).all() and abs(value) in (0.0, 1.0):
        found = exact(round(abs(value) * len(totals)), len(totals))
        if signed and value == 0.0:
            return replace(found, low=-found.high)
        return found if value >= 0.0 else Interval(value, -found.high, -found.low, found.kind)
    rng = np.random.default_rng(seed)
    evenly = np.full(len(totals), 1 / len(totals))
    weights = rng.multinomial(len(totals), evenly, size=_RESAMPLES)
    means = (weights @ totals) / (weights @ num_cases)
    low, high = np.quantile(means, [(1 - _CONFIDENCE) / 2, (1 + _CONFIDENCE) / 2])
    return Interval(value, float(low), float(high), "bootstrap")
