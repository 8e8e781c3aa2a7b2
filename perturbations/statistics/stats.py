"""Exact intervals and tests for shares of episodes, Holm, conformal thresholds.

An episode (a case, a clip) is the unit everywhere, never a frame. All intervals are 95 %,
two-sided. Only `scipy.special` is imported: `scipy.stats` costs a second at every start.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from envelope.errors import EnvelopeError
from envelope.records import Estimate

CONFIDENCE = 0.95
_Z = float(special.ndtri(0.5 + CONFIDENCE / 2))


def clopper_pearson(successes: float, episodes: int) -> Estimate:
    """Exact interval for a share.

    A number of successes that is not whole is accepted, for episodes that are each a mean over
    planner streams: a mean varies less than a single draw, so the interval stays on the safe side.

    Args:
        successes: 0 to `episodes`.
        episodes: independent episodes, at least 2.

    Source: Clopper and Pearson, Biometrika 26 (1934) 404-413, as quantiles of the beta
    distribution.
    """
    _check_count(successes, episodes)
    tail = (1 - CONFIDENCE) / 2
    failures = episodes - successes
    low = 0.0 if successes == 0 else special.betaincinv(successes, failures + 1, tail)
    high = 1.0 if failures == 0 else special.betaincinv(successes + 1, failures, 1 - tail)
    return Estimate(
        value=successes / episodes,
        low=float(low),
        high=float(high),
        episodes=episodes,
        interval="clopper_pearson",
        seed=0,
    )


def paired_difference(first: ArrayLike, second: ArrayLike) -> Estimate:
    """Share of successes in `first` minus that in `second`, for the same cases in both.

    Args:
        first: outcomes by case, (N,), each 0 or 1.
        second: outcomes of the same cases, (N,).

    Source: Newcombe, Statistics in Medicine 17 (1998) 2635-2650, method 10: Wilson intervals of
    both shares, squared and added with the correlation of the pairs, which is continuity-corrected
    when positive.
    """
    both, only_first, only_second, neither = paired_table(first, second)
    num = both + only_first + only_second + neither
    if num < 2:
        raise ValueError(f"a paired difference needs at least 2 cases, got {num}")
    share_1, low_1, high_1 = _wilson(both + only_first, num)
    share_2, low_2, high_2 = _wilson(both + only_second, num)
    phi = _pair_correlation(both, only_first, only_second, neither)
    below = _joined(share_1 - low_1, high_2 - share_2, phi)
    above = _joined(high_1 - share_1, share_2 - low_2, phi)
    value = (only_first - only_second) / num
    return Estimate(
        value=value,
        low=max(-1.0, value - below),
        high=min(1.0, value + above),
        episodes=num,
        interval="newcombe",
        seed=0,
    )


def paired_table(first: ArrayLike, second: ArrayLike) -> tuple[int, int, int, int]:
    """Cases that succeeded in (both, only the first, only the second, neither)."""
    one, two = _outcomes(first), _outcomes(second)
    if len(one) != len(two):
        raise ValueError(f"paired outcomes need one length, got {len(one)} and {len(two)}")
    return (
        int((one & two).sum()),
        int((one & ~two).sum()),
        int((~one & two).sum()),
        int((~one & ~two).sum()),
    )


def mcnemar(first: ArrayLike, second: ArrayLike) -> float:
    """Two-sided p-value of "both succeed equally often", exact.

    Source: McNemar, Psychometrika 12 (1947) 153-157, in the exact binomial form: of the cases
    that differ, each side wins with probability one half. 1 when no case differs.
    """
    _, only_first, only_second, _ = paired_table(first, second)
    differing = only_first + only_second
    if differing == 0:
        return 1.0
    smaller = min(only_first, only_second)
    return min(1.0, 2 * float(special.bdtr(smaller, differing, 0.5)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values of one family of comparisons, in the order given.

    Source: Holm, Scandinavian Journal of Statistics 6 (1979) 65-70.
    """
    if any(not 0 <= p <= 1 for p in p_values):
        raise ValueError(f"p-values lie in [0, 1], got {list(p_values)}")
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def conformal_rank(episodes: int, false_alarms: float) -> int:
    """Rank of the calibration score that is the threshold, counted from 1, smallest first.

    The smallest rank whose rate of false alarms is at most the stated one with `CONFIDENCE`
    over the draw of the calibration episodes.

    Raises:
        EnvelopeError: so few episodes cannot support the rate; the message has the number needed.
    """
    if not 0 < false_alarms < 1:
        raise ValueError(f"a rate of false alarms lies in (0, 1), got {false_alarms}")
    # At rank r the rate is Beta(episodes - r + 1, r), and it is at most `false_alarms` with the
    # probability that more than episodes - r of the episodes are among the highest scores.
    unlucky = special.bdtr(np.arange(episodes), episodes, false_alarms)
    allowed = int((unlucky <= 1 - CONFIDENCE).sum())
    if allowed == 0:
        needed = math.ceil(math.log(1 - CONFIDENCE) / math.log1p(-false_alarms))
        raise EnvelopeError(
            f"{episodes} calibration episodes cannot support {false_alarms} false alarms per "
            f"episode: the smallest number that can is {needed}",
            next_step=f"calibrate on at least {needed} episodes, or state a higher rate",
        )
    return episodes - allowed + 1


def conformal_threshold(scores: ArrayLike, false_alarms: float) -> float:
    """Threshold that a new lawful episode exceeds with probability at most `false_alarms`.

    An alarm is a score above the threshold. The guarantee is about the threshold that was drawn
    and holds with `CONFIDENCE` over the calibration episodes, if all are exchangeable. The usual
    split-conformal rank promises the rate only on average: half of the thresholds exceed it.

    Args:
        scores: one score per calibration episode, (E,).
        false_alarms: stated rate per episode.

    Source: split conformal prediction (Papadopoulos et al., ECML 2002) with the training-
    conditional level of Vovk, Conditional validity of inductive conformal predictors, ACML 2012,
    proposition 2; the same order statistic as the tolerance limit of Wilks (1941).

    Raises:
        EnvelopeError: too few episodes for the rate.
    """
    values = np.sort(np.asarray(scores, dtype=np.float64).ravel())
    if not np.isfinite(values).all():
        raise ValueError("calibration scores hold a number that is not finite")
    return float(values[conformal_rank(len(values), false_alarms) - 1])


def _wilson(successes: int, num: int) -> tuple[float, float, float]:
    """Share and its score interval (Wilson, JASA 22 (1927) 209-212)."""
    share = successes / num
    center = 2 * successes + _Z**2
    spread = _Z * math.sqrt(_Z**2 + 4 * successes * (1 - share))
    scale = 2 * (num + _Z**2)
    low = 0.0 if successes == 0 else (center - spread) / scale
    high = 1.0 if successes == num else (center + spread) / scale
    return share, low, high


def _pair_correlation(both: int, only_first: int, only_second: int, neither: int) -> float:
    margins = (
        (both + only_first)
        * (only_second + neither)
        * (both + only_second)
        * (only_first + neither)
    )
    if margins == 0:
        return 0.0
    excess: float = both * neither - only_first * only_second
    if excess > 0:
        num = both + only_first + only_second + neither
        excess = max(excess - num / 2, 0.0)
    return excess / math.sqrt(margins)


def _joined(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(0.0, one**2 - 2 * phi * one * other + other**2))


def _outcomes(values: ArrayLike) -> NDArray[np.bool_]:
    array = np.asarray(values)
    if array.ndim != 1 or not np.isin(array, (0, 1)).all():
        raise ValueError("outcomes are one 0 or 1 per case")
    return array.astype(bool)


def _check_count(successes: float, episodes: int) -> None:
    if episodes < 2:
        raise ValueError(f"an interval needs at least 2 episodes, got {episodes}")
    if not 0 <= successes <= episodes:
        raise ValueError(f"successes must lie in 0..{episodes}, got {successes}")
