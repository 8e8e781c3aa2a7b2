"""How far each arm may look ahead, candidate less base.

Asked is not whose error is smaller, but whose stays usable up to the planner's horizon. A smaller
latent error is no evidence; one that grows past the limit ends what the planner may trust.

Shapes in this module:
    N  episodes, the same in both     H  horizons, 1 to the planner's     B  resamples
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from envelope.records import Estimate, Scalar
from perturbations.migration.comparison import Comparison, not_measured
from perturbations.statistics import bootstrap

QUANTITY = "usable_horizon_difference"
_TOO_LITTLE = "too few episodes, or the latent never moves"
_Z_DECIDES = 1.96 + 0.842
"""Normal quantiles: of a 95 % interval, and of four times in five."""

Parts = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Errors of rollouts and of nothing-moves, (N, H) each."""


def usable_share(ratios: NDArray[np.float64], limit: float) -> NDArray[np.float64]:
    """Share of the horizons (..., H) up to which every ratio stays within the limit, (...)."""
    kept = np.logical_and.accumulate(ratios <= limit, axis=-1)
    return np.asarray(kept.mean(axis=-1))


def compare(
    condition: Mapping[str, Scalar],
    candidate: Parts,
    base: Parts,
    *,
    limit: float,
    seed: int = 0,
) -> Comparison:
    """Usable horizons as shares of the planner's, candidate less base, the higher the better.

    Args:
        condition: under what it was measured.
        candidate: its errors and those of nothing-moves.
        base: likewise.
        limit: largest usable ratio of the two.
        seed: of the resamples, in which both arms have the same episodes.

    The interval is the percentile interval, p the share of resamples in which nothing was lost,
    doubled (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapters 13 and 15).
    """
    num = len(candidate[0])
    if num < bootstrap.MIN_EPISODES:
        return not_measured(QUANTITY, condition, _TOO_LITTLE)
    values, drawn = [], []
    for error, still in (candidate, base):
        below = bootstrap.resampled_sums(still, seed=seed)
        if not (below > 0).all() or not (still.sum(axis=0) > 0).all():
            return not_measured(QUANTITY, condition, _TOO_LITTLE)
        values.append(error.sum(axis=0) / still.sum(axis=0))
        drawn.append(bootstrap.resampled_sums(error, seed=seed) / below)
    shares = [float(usable_share(one, limit)) for one in values]
    resampled = usable_share(drawn[0], limit) - usable_share(drawn[1], limit)
    difference = bootstrap.percentiles(shares[0] - shares[1], resampled, seed, num)
    return Comparison(
        QUANTITY,
        condition,
        difference,
        _p_worse(difference, resampled),
        _needed(num, [*zip(values, drawn, strict=True)], limit),
        f"candidate {shares[0]:.2g}, base {shares[1]:.2g} of the planner's horizon within a drift "
        f"ratio of {limit:g}; bootstrap",
    )


def _p_worse(difference: Estimate, resampled: NDArray[np.float64]) -> float:
    if difference.value >= 0:
        return 1.0
    return min(1.0, 2 * (1 + int((resampled >= 0).sum())) / (1 + len(resampled)))


def _needed(
    num: int, arms: list[tuple[NDArray[np.float64], NDArray[np.float64]]], limit: float
) -> int | None:
    """Episodes after which every ratio leaves the limit to one side, at the observed values."""
    gaps = np.array([np.abs(values - limit) for values, _ in arms])
    spreads = np.array([drawn.std(axis=0) for _, drawn in arms])
    if not (gaps > 0).all():
        return None
    return max(num + 1, math.ceil(num * float(np.square(_Z_DECIDES * spreads / gaps).max())))
