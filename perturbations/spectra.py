"""What a cloud of latents looks like: rank, spectrum, normality, intrinsic dimension.

Shapes in this module:
    N  latents, one per independent state     D  latent width     M  directions

Pure numpy. Every interval is over states; a statistic that resampling would bias (the effective
rank falls when a state is drawn twice) has a jackknife interval instead.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

from envelope.records import Estimate
from perturbations import bootstrap
from perturbations.stats import CONFIDENCE

MIN_STATES = 60
"""Fewer have no spectrum worth the name."""
NULL_DRAWS = 199
_GROUPS = 20
_DIRECTIONS = 32
_NULL_STATES = 400
_KNOTS = np.arange(1, 17) * 3 / 16

Array = NDArray[np.float64]


def effective_rank(z: Array) -> float:
    """Exponential of the entropy of the shares that principal components have in the variance.

    1 for latents on a line (and 0 for a point), D where all components carry the same.

    Source: Roy and Vetterli, The effective rank, EUSIPCO 2007.
    """
    shares = variance_shares(z)
    kept = shares[shares > 0]
    return float(np.exp(-(kept * np.log(kept)).sum())) if len(kept) else 0.0


def variance_shares(z: Array) -> Array:
    """Share of every principal component in the total variance, largest first, (D,)."""
    eigenvalues = np.linalg.eigvalsh(np.cov(z, rowvar=False).reshape(z.shape[1], -1))[::-1]
    total = eigenvalues.sum()
    if not total > 1e-12:
        return np.zeros(len(eigenvalues))
    return np.asarray(np.clip(eigenvalues, 0, None) / total)


def jackknife(z: Array, statistic: Callable[[Array], float]) -> Estimate | None:
    """A smooth statistic of a cloud, freed of its bias of order 1 / N, by a grouped jackknife.

    None with fewer than `MIN_STATES` states.

    Source: Quenouille, Biometrika 43 (1956) 353-360; Tukey's t interval over pseudo-values of 20
    groups (Shao and Tu, The Jackknife and Bootstrap, 1995, section 2.3).
    """
    if len(z) < MIN_STATES:
        return None
    value = statistic(z)
    member = np.arange(len(z)) % _GROUPS
    without = np.array([statistic(z[member != group]) for group in range(_GROUPS)])
    pseudo = _GROUPS * value - (_GROUPS - 1) * without
    half = special.stdtrit(_GROUPS - 1, 0.5 + CONFIDENCE / 2) * pseudo.std(ddof=1)
    half = float(half) / math.sqrt(_GROUPS)
    middle = float(pseudo.mean())
    return Estimate(
        value=middle,
        low=middle - half,
        high=middle + half,
        episodes=len(z),
        interval="jackknife",
        seed=0,
    )


def dimension_std(z: Array, *, smallest: bool, seed: int) -> Estimate | None:
    """Standard deviation of the latent dimension that spreads least, or most."""
    if len(z) < MIN_STATES:
        return None
    spread = z.std(axis=0)
    column = int(spread.argmin() if smallest else spread.argmax())
    squares = np.square(z[:, column] - z[:, column].mean())
    found = bootstrap.ratio_of_sums(squares, np.ones(len(z)), seed=seed)
    assert found is not None
    roots = {name: math.sqrt(max(getattr(found, name), 0.0)) for name in ("value", "low", "high")}
    return found.model_copy(update=roots)


def intrinsic_dimension(points: Array, *, seed: int) -> Estimate | None:
    """Dimension of the surface that points lie on, from the two nearest neighbours of each.

    None with fewer than `MIN_STATES` points, or where a tenth of them coincide.

    Source: Facco, d'Errico, Rodriguez and Laio, Scientific Reports 7 (2017) 12140, in the form of
    maximum likelihood: the mean of log(r2 / r1) is 1 / dimension.
    """
    if len(points) < MIN_STATES:
        return None
    squared = np.square(points).sum(axis=1)
    distances = squared[:, None] + squared[None] - 2 * points @ points.T
    np.fill_diagonal(distances, np.inf)
    nearest = np.sqrt(np.clip(np.partition(distances, 1, axis=1)[:, :2], 0, None))
    nearest.sort(axis=1)
    apart = nearest[:, 0] > 1e-9 * max(float(np.sqrt(squared.max())), 1e-300)
    if apart.mean() < 0.9:
        return None
    logs = np.log(nearest[apart, 1] / nearest[apart, 0])
    return bootstrap.ratio_of_sums(np.ones(len(logs)), logs, seed=seed)


def normality(z: Array, *, seed: int) -> dict[str, tuple[float, float]]:
    """Two tests of whether standardized latents are Gaussian: (statistic, p-value) of each.

    `epps_pulley` is SIGReg's own distance of characteristic functions, sensitive to shape in the
    middle; `tails` is the mean absolute excess kurtosis, sensitive to rare large values. Both are
    means over random directions, and p comes from a Monte Carlo null with the same N and D.

    Source: Epps and Pulley, Biometrika 70 (1983) 723-726; Monte Carlo tests: Dwass, Annals of
    Mathematical Statistics 28 (1957) 181-187. At most the first 400 states are used.
    """
    part = z[:_NULL_STATES]
    null = _null(len(part), z.shape[1], seed)
    found = _normality_statistics(part, np.random.default_rng([seed, 0]))
    return {
        name: (
            float(found[index]),
            float((1 + (null[:, index] >= found[index]).sum()) / (1 + NULL_DRAWS)),
        )
        for index, name in enumerate(("epps_pulley", "tails"))
    }


def spearman(one: Array, other: Array) -> float:
    """Rank correlation of two columns (N,), ties at their mean rank; 0 where one is constant."""
    first, second = _ranks(one), _ranks(other)
    first, second = first - first.mean(), second - second.mean()
    scale = math.sqrt(float(first @ first) * float(second @ second))
    return float(first @ second) / scale if scale > 0 else 0.0


def _ranks(values: Array) -> Array:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], dtype=np.float64)


@lru_cache(maxsize=8)
def _null(num: int, width: int, seed: int) -> Array:
    rng = np.random.default_rng([seed, num, width])
    return np.array(
        [_normality_statistics(rng.standard_normal((num, width)), rng) for _ in range(NULL_DRAWS)]
    )


def _normality_statistics(z: Array, rng: np.random.Generator) -> tuple[float, float]:
    spread = z.std(axis=0)
    standard = (z - z.mean(axis=0)) / np.where(spread > 1e-12, spread, 1.0)
    directions = rng.standard_normal((z.shape[1], _DIRECTIONS))
    directions /= np.linalg.norm(directions, axis=0)
    p = standard @ directions  # (N, M)
    target = np.exp(-0.5 * _KNOTS**2)[:, None]
    found = _characteristic(p)
    error = np.square(found.real - target) + np.square(found.imag)  # (knots, M)
    epps_pulley = len(z) * float((target * error).sum(axis=0).mean()) * 2 * 3 / 16
    squares = np.square(p)
    scale = squares.mean(axis=0)
    fourth = np.square(squares).mean(axis=0)
    kurtosis = fourth / np.where(scale > 1e-12, scale, 1.0) ** 2 - 3
    return epps_pulley, float(np.abs(kurtosis).mean())


def _characteristic(p: Array) -> NDArray[np.complex128]:
    """Empirical characteristic functions of columns (N, M) at the knots, (knots, M).

    The knots are multiples of the first, so each is a power: one cosine and one sine per number
    instead of sixteen.
    """
    turn = np.cos(p * _KNOTS[0]) + 1j * np.sin(p * _KNOTS[0])
    power = np.ones_like(turn)
    means = np.empty((len(_KNOTS), p.shape[1]), dtype=np.complex128)
    for knot in range(len(_KNOTS)):
        power *= turn
        means[knot] = power.mean(axis=0)
    return means
