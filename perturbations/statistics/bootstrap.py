"""Bootstrap over episodes, seeded and batched.

Shapes in this module:
    E  episodes (cases, clips)      B  resamples

Episodes are drawn with replacement, whole: what belongs to one episode stays together. The
interval is the percentile interval, widened for small samples as a t interval is wider than a
normal one (the "expanded" percentile interval of Hesterberg, The American Statistician 69 (2015)
371-386, section 4.3). Percentile: Efron and Tibshirani, An Introduction to the Bootstrap, 1993.
Ratios of sums are often skewed; their interval also reaches as far as the bias-corrected and
accelerated one (BCa: Efron, JASA 82 (1987) 171-185), widened alike. A ratio of two medians is not
widened: resampled medians of few episodes spread more than medians do. How often each holds the
truth: docs/audit-validity.md.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from envelope.records import Estimate
from perturbations.statistics.stats import CONFIDENCE, clopper_pearson

NUM_RESAMPLES = 2_000
_FEW_RESAMPLES = 500
"""Of statistics that cannot be computed for all resamples at once."""
MIN_EPISODES = 10
"""Fewer episodes have no bootstrap interval worth the name; the estimate is then left out."""
_MOST_SHORT_RANKS = 2**15
_RARE = 5.0
_RARE_IN_A_SHARE = 15.0
"""With 5 to 15 failures' worth of cases the lower percentile lay above the truth in up to 4.8 % of
3,000 simulated audits of 150 cases instead of 2.5 %; from 15 on in at most 3.3 %."""


def mean_share(shares: ArrayLike, *, seed: int) -> Estimate:
    """Mean of one share per episode, each in [0, 1], such as success over planner streams.

    Where successes or failures are rare (fewer than fifteen episodes' worth) resampling sees too
    little of the other side: the interval is then Clopper and Pearson's, with a mean as a fraction
    of a success.
    """
    values = _episodes(shares)
    if values.min() < 0 or values.max() > 1:
        raise ValueError(f"shares lie in [0, 1], got {values.min()} to {values.max()}")
    total = float(values.sum())
    if min(total, len(values) - total) < _RARE_IN_A_SHARE or len(values) < MIN_EPISODES:
        return clopper_pearson(total, len(values))
    return percentiles(
        total / len(values), values[_draws(seed, len(values))].mean(axis=1), seed, len(values)
    )


def ratio_of_sums(over: ArrayLike, under: ArrayLike, *, seed: int) -> Estimate | None:
    """Sum of `over` divided by the sum of `under`, episodes kept together, (E,) each.

    None with fewer than `MIN_EPISODES` episodes, or when `under` can sum to zero in a resample.
    """
    top, bottom = _pair(over, under)
    if len(top) < MIN_EPISODES:
        return None
    drawn = _draws(seed, len(top))
    below = bottom[drawn].sum(axis=1)
    if (below <= 0).any() or bottom.sum() <= 0:
        return None
    ratio = float(top.sum() / bottom.sum())
    ratios = top[drawn].sum(axis=1) / below
    found = percentiles(ratio, ratios, seed, len(top))
    low, high = _corrected_ends(ratio, ratios, top - ratio * bottom)
    return found.model_copy(update={"low": min(found.low, low), "high": max(found.high, high)})


def share_of(part: ArrayLike, whole: ArrayLike, *, seed: int) -> Estimate | None:
    """Mean of `part` divided by the mean of `whole`, both shares of the same episodes, (E,) each.

    Where the two differ in fewer than five episodes resampling sees next to no doubt: the ends
    are then those of two Clopper-Pearson intervals, worst over best and best over worst.
    None under the conditions of `ratio_of_sums`.
    """
    one, other = _pair(part, whole)
    found = ratio_of_sums(one, other, seed=seed)
    if found is None or np.abs(one - other).sum() >= _RARE:
        return found
    top = clopper_pearson(float(one.sum()), len(one))
    below = clopper_pearson(float(other.sum()), len(other))
    if below.low <= 0:
        return None
    return Estimate(
        value=found.value,
        low=min(found.value, top.low / below.high),
        high=top.high / below.low,
        episodes=len(one),
        interval="clopper_pearson_quotient",
        seed=0,
    )


def median_ratio(over: ArrayLike, under: ArrayLike, *, seed: int) -> Estimate | None:
    """Median of `over` divided by the median of `under`, episodes kept together, (E,) each.

    Widened, the interval of 24 episodes held the truth in 97.2 % of 8,000 simulated audits; as it
    is it does in 95 %. None under the conditions of `ratio_of_sums`.
    """
    top, bottom = _pair(over, under)
    if len(top) < MIN_EPISODES:
        return None
    below = _resampled_medians(bottom, seed)
    if (below <= 0).any() or np.median(bottom) <= 0:
        return None
    value = float(np.median(top) / np.median(bottom))
    ratios = _resampled_medians(top, seed) / below
    return percentiles(value, ratios, seed, len(top), tail=(1 - CONFIDENCE) / 2)


def median(values: ArrayLike, *, seed: int) -> Estimate | None:
    """Median over episodes, (E,); None with fewer than `MIN_EPISODES`."""
    array = _episodes(values)
    if len(array) < MIN_EPISODES:
        return None
    drawn = _resampled_medians(array, seed)
    return percentiles(float(np.median(array)), drawn, seed, len(array))


def statistic(
    of: Callable[[NDArray[np.int64]], float], episodes: int, *, seed: int
) -> Estimate | None:
    """Any number that can be computed from a choice of episodes, such as a rank correlation.

    Args:
        of: takes indices of episodes, with repeats, (E,).
        episodes: how many there are.
        seed: of the resamples.

    None with fewer than `MIN_EPISODES`. One call per resample, 500 of them.
    """
    if episodes < MIN_EPISODES:
        return None
    drawn = np.array([of(indices) for indices in _draws(seed, episodes)[:_FEW_RESAMPLES]])
    return percentiles(of(np.arange(episodes)), drawn, seed, episodes)


def resampled_sums(columns: NDArray[np.float64], *, seed: int) -> NDArray[np.float64]:
    """Sums of columns (E, K) over the episodes of every resample, (B, K)."""
    return np.asarray(_counts(seed, len(columns)) @ columns)


def auroc(unlawful: ArrayLike, lawful: ArrayLike, *, seed: int) -> Estimate | None:
    """Chance that an unlawful clip scores above a lawful one, ties counting one half.

    Args:
        unlawful: scores, (E,).
        lawful: scores of the twins, (E,); a clip and its twin are drawn together.
        seed: of the resamples.

    Near 0 and 1 resampling sees next to no doubt; the interval is then Clopper and Pearson's for
    one comparison per clip, which varies at least as much (Dantzig, Indagationes Mathematicae 13
    (1951) 1-8: the variance is at most that of a share of the smaller sample).

    Source: Mann and Whitney, Annals of Mathematical Statistics 18 (1947) 50-60.
    None with fewer than `MIN_EPISODES` clips.
    """
    high, low = _pair(unlawful, lawful)
    num = len(high)
    if num < MIN_EPISODES:
        return None
    wins = (high[:, None] > low[None, :]) + 0.5 * (high[:, None] == low[None, :])
    value = float(wins.mean())
    if min(value, 1 - value) * num < _RARE:
        return clopper_pearson(value * num, num)
    counts = _counts(seed, num)
    won = np.einsum("be,be->b", counts @ wins.astype(counts.dtype), counts)
    return percentiles(value, won.astype(np.float64) / num**2, seed, num)


def percentiles(
    value: float,
    resampled: NDArray[np.float64],
    seed: int,
    episodes: int,
    *,
    tail: float | None = None,
) -> Estimate:
    """Percentile interval, `tail` on either side, by default that of the expanded one."""
    if tail is None:
        tail = _expanded_tail(episodes)
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Estimate(
        value=value,
        low=min(value, float(low)),
        high=max(value, float(high)),
        episodes=episodes,
        interval="bootstrap",
        seed=seed,
    )


def _corrected_ends(
    value: float, resampled: NDArray[np.float64], influence: NDArray[np.float64]
) -> tuple[float, float]:
    """Ends of the BCa interval, widened like the percentile interval.

    Args:
        value: of the episodes as they are.
        resampled: of the resamples, (B,).
        influence: of each episode on the value, up to a factor, (E,); its skewness is the
            acceleration.
    """
    spread = float(np.square(influence).sum())
    below = float((resampled < value).mean() + (resampled == value).mean() / 2)
    if spread == 0 or below in (0.0, 1.0):
        return value, value
    acceleration = float((influence**3).sum()) / (6 * spread**1.5)
    bias = float(special.ndtri(below))
    tail = float(special.ndtri(_expanded_tail(len(influence))))
    ends = [bias + (bias + z) / (1 - acceleration * (bias + z)) for z in (tail, -tail)]
    low, high = np.quantile(resampled, special.ndtr(ends))
    return float(low), float(high)


def _expanded_tail(episodes: int) -> float:
    t = special.stdtrit(episodes - 1, (1 - CONFIDENCE) / 2)
    return float(special.ndtr(math.sqrt(episodes / (episodes - 1)) * t))


@lru_cache(maxsize=16)
def _draws(seed: int, episodes: int) -> NDArray[np.int64]:
    """Indices of the resamples, (B, E); the same for every quantity over E episodes."""
    rng = np.random.default_rng([seed, episodes])
    drawn = rng.integers(episodes, size=(NUM_RESAMPLES, episodes))
    drawn.flags.writeable = False
    return drawn


def _resampled_medians(values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Median of every resample, (B,): of the ranks, which sort ten times as fast as the values."""
    num = len(values)
    order = np.argsort(values, kind="stable")
    ranks = np.empty(num, dtype=np.int16 if num <= _MOST_SHORT_RANKS else np.int64)
    ranks[order] = np.arange(num)
    drawn = np.sort(ranks[_draws(seed, num)], axis=1)
    ascending = values[order]
    upper = ascending[drawn[:, num // 2]]
    return upper if num % 2 else (ascending[drawn[:, num // 2 - 1]] + upper) / 2


@lru_cache(maxsize=16)
def _counts(seed: int, episodes: int) -> NDArray[np.floating]:
    """How often each resample holds each episode, (B, E), in the shortest exact type.

    Sums of products with halves are exact in either type: below 2^23 all multiples of 0.5 are
    float32 numbers.
    """
    kind = np.float32 if episodes**2 < 2**23 else np.float64
    cells = _draws(seed, episodes) + episodes * np.arange(NUM_RESAMPLES)[:, None]
    counted = np.bincount(cells.ravel(), minlength=NUM_RESAMPLES * episodes)
    counts: NDArray[np.floating] = counted.reshape(NUM_RESAMPLES, episodes).astype(kind)
    counts.flags.writeable = False
    return counts


def _episodes(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) < 2:
        raise ValueError(f"one number for each of at least 2 episodes, got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("a number is not finite")
    return array


def _pair(one: ArrayLike, other: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = _episodes(one), _episodes(other)
    if len(first) != len(second):
        raise ValueError(f"numbers of the same episodes, got {len(first)} and {len(second)}")
    return first, second
