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
from perturbations.statistics import bootstrap
from perturbations.statistics.stats import CONFIDENCE

MIN_STATES = 60
"""Fewer have no spectrum worth the name."""
NULL_DRAWS = 199
MOST_DIMENSIONS = 5
"""Beyond which so few points cannot tell how many dimensions there are."""
_SHARED_NEIGHBOURS = 1.25
_NORMAL_KURTOSIS = 3.0
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
    """A smooth statistic of a cloud, freed of its bias, by a grouped jackknife.

    What the jackknife leaves of the bias goes with 1 / N^2, so halves of the cloud tell how much:
    a third of the difference is added to the value, and to either side of the interval, which it
    then covers: 400 states of 192 equal dimensions go from 187 [186, 188] to 191 [186, 196].

    None with fewer than `MIN_STATES` states.

    Source: Quenouille, Biometrika 43 (1956) 353-360; Tukey's t interval over pseudo-values of 20
    groups (Shao and Tu, The Jackknife and Bootstrap, 1995, section 2.3); Richardson's extrapolation
    for the rest.
    """
    if len(z) < MIN_STATES:
        return None
    pseudo = _pseudo_values(z, statistic)
    halves = [_pseudo_values(z[first::2], statistic).mean() for first in (0, 1)]
    rest = float(pseudo.mean() - np.mean(halves)) / 3
    half = special.stdtrit(_GROUPS - 1, 0.5 + CONFIDENCE / 2) * pseudo.std(ddof=1)
    half = float(half) / math.sqrt(_GROUPS) + abs(rest)
    middle = float(pseudo.mean()) + rest
    return Estimate(
        value=middle,
        low=middle - half,
        high=middle + half,
        episodes=len(z),
        interval="jackknife",
        seed=0,
    )


def _pseudo_values(z: Array, statistic: Callable[[Array], float]) -> Array:
    member = np.arange(len(z)) % _GROUPS
    without = np.array([statistic(z[member != group]) for group in range(_GROUPS)])
    return np.asarray(_GROUPS * statistic(z) - (_GROUPS - 1) * without)


def dimension_std(z: Array, *, smallest: bool) -> Estimate | None:
    """Standard deviation of the latent dimension that spreads least, or most.

    The interval allows for the choice. Of the least: its low end is the lowest of all low ends,
    which one dimension alone can push above the truth; its high end the lowest of all high ends,
    which any can push below it, so these are taken at alpha / D.

    None with fewer than `MIN_STATES` states.

    Source: the delta method on log std, with the sample's own fourth moment (Cramer, Mathematical
    Methods of Statistics, 1946, section 27.7) and no less than a normal one, since where a sample
    spreads too little its tails are short too; Bonferroni over the dimensions.
    """
    if len(z) < MIN_STATES:
        return None
    centred = z - z.mean(axis=0)
    squares = np.square(centred)
    spread = np.sqrt(squares.mean(axis=0))
    varies = spread > 0
    kurtosis = np.square(squares[:, varies]).mean(axis=0) / spread[varies] ** 4
    error = np.zeros(z.shape[1])
    error[varies] = np.sqrt((np.maximum(kurtosis, _NORMAL_KURTOSIS) - 1) / (4 * len(z)))
    one, every = (special.ndtri(1 - (1 - CONFIDENCE) / 2 / num) for num in (1, z.shape[1]))
    pick = np.min if smallest else np.max
    below, above = (one, every) if smallest else (every, one)
    return Estimate(
        value=float(pick(spread)),
        low=float(pick(spread * np.exp(-below * error))),
        high=float(pick(spread * np.exp(above * error))),
        episodes=len(z),
        interval="delta",
        seed=0,
    )


def intrinsic_dimension(points: Array, *, seed: int) -> Estimate | None:
    """Dimension of the surface that points lie on, from the two nearest neighbours of each.

    Neighbours share neighbours, which resampling cannot know, so the bootstrap's interval is made
    wider by the factor measured in one to eight dimensions (tests/benchmarks/coverage.py). Beyond
    `MOST_DIMENSIONS`, so few points are all near the edge: what is found is too small, and stands
    for "at least".

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
    found = bootstrap.ratio_of_sums(np.ones(len(logs)), logs, seed=seed)
    if found is None:
        return None
    low, high = (
        found.value + _SHARED_NEIGHBOURS * (end - found.value) for end in (found.low, found.high)
    )
    return found.model_copy(update={"low": low, "high": high})


def normality(z: Array, *, seed: int) -> dict[str, tuple[float, float]]:
    """Two tests of whether latents are Gaussian, of any covariance: (statistic, p-value) of each.

    `epps_pulley` is SIGReg's own distance of characteristic functions, sensitive to shape in the
    middle; `tails` is the mean absolute excess kurtosis, sensitive to rare large values. Both are
    means over random directions of whitened latents, so that neither scale nor correlation matters,
    and p comes from a Monte Carlo null with the same N and as many dimensions as vary. How unequal
    these are is the spectrum's to say.

    Source: Epps and Pulley, Biometrika 70 (1983) 723-726; Monte Carlo tests: Dwass, Annals of
    Mathematical Statistics 28 (1957) 181-187. At most the first 400 states are used.
    """
    part = z[:_NULL_STATES]
    white = _whitened(part)
    if not 0 < white.shape[1] <= len(part) // 2:
        return {}
    null = _null(len(part), white.shape[1], seed)
    found = _normality_statistics(white, np.random.default_rng([seed, 0]))
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
    draws = (_whitened(rng.standard_normal((num, width))) for _ in range(NULL_DRAWS))
    return np.array([_normality_statistics(white, rng) for white in draws])


def _whitened(z: Array) -> Array:
    """Principal components at unit variance, (N, those that vary)."""
    centred = z - z.mean(axis=0)
    variances, axes = np.linalg.eigh(centred.T @ centred / len(z))
    varies = variances > 1e-10 * max(float(variances[-1]), 1e-300)
    return np.asarray(centred @ (axes[:, varies] / np.sqrt(variances[varies])))


def _normality_statistics(z: Array, rng: np.random.Generator) -> tuple[float, float]:
    directions = rng.standard_normal((z.shape[1], _DIRECTIONS))
    directions /= np.linalg.norm(directions, axis=0)
    p = z @ directions  # (N, M)
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
