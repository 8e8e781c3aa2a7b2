"""Looking at paired cases as they come, as often as one likes, without being wrong more often.

Shapes in this module:
    N  cases in the order in which they ran     L  bets

A difference is what one case says: candidate less base, in [-1, 1]; with outcomes it is -1, 0 or 1,
with means over planner streams anything between. Somebody who believes that the mean difference is
at most m offers fair bets on it; whoever turns 1 into 20 by betting against has shown the belief to
be wrong, at whatever moment that happens.

Source: Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, JRSS B 86
(2024) 1-27, with a uniform mixture over constant bets; valid at every stopping time by the
inequality of Ville (1939). On outcomes with m = 0 this is a likelihood ratio of discordant pairs.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from envelope.records import Estimate
from perturbations.statistics.stats import CONFIDENCE

_BETS = (np.arange(64) + 0.5) / 64
_BISECTIONS = 40


def capital(differences: ArrayLike, mean: float) -> NDArray[np.float64]:
    """What betting against "the mean difference is at most `mean`" has made of 1, (N,).

    Args:
        differences: by case, each in [-1, 1], (N,).
        mean: in (-1, 1).

    Under that belief it ever reaches 1 / alpha with probability at most alpha.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or not (np.abs(values) <= 1).all():
        raise ValueError("differences are one number in [-1, 1] per case")
    if not -1 < mean < 1:
        raise ValueError(f"a mean difference lies in (-1, 1), got {mean}")
    gains = np.log1p(np.outer(_BETS / (1 + mean), values - mean))  # (L, N)
    return np.asarray(np.exp(np.cumsum(gains, axis=1)).mean(axis=0))


def p_worse(differences: ArrayLike) -> float:
    """One-sided p-value of "the candidate is at least as good", valid whenever one stops."""
    found = capital(-np.asarray(differences, dtype=np.float64), 0.0)
    return min(1.0, 1 / float(found.max(initial=1.0)))


def mean_difference(differences: ArrayLike) -> Estimate:
    """Mean difference with a 95 % interval that is valid whenever one stops.

    Each end is where the belief in a mean beyond it has been shown wrong at 2.5 %.
    """
    values = np.asarray(differences, dtype=np.float64)
    if len(values) < 2:
        raise ValueError(f"a paired difference needs at least 2 cases, got {len(values)}")
    value = float(values.mean())
    return Estimate(
        value=value,
        low=min(value, _low_end(values)),
        high=max(value, -_low_end(-values)),
        episodes=len(values),
        interval="betting",
        seed=0,
    )


def _low_end(values: NDArray[np.float64]) -> float:
    """The largest mean that betting has shown to be too low: capital falls as the mean rises."""
    needed = 2 / (1 - CONFIDENCE)
    low, high = -1.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if capital(values, middle).max() >= needed:
            low = middle
        else:
            high = middle
    return low
