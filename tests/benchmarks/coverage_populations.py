"""Populations with a known truth, like those that the suites draw from, and the interval of each.

Shapes in this module:
    E  episodes (cases, clips, states)     D  latent width
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from envelope.records import Estimate
from perturbations.statistics import bootstrap, rising, spectra, stats

Rng = np.random.Generator
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Population:
    """What is drawn, the truth about it, and the interval that an audit would give."""

    kind: str
    """Function that makes the interval."""
    about: str
    num: int
    """Episodes of an audit."""
    truth: float
    estimate: Callable[[Rng, int], Estimate | None]
    """An audit of its own for every call; takes the generator and the seed of the resamples."""
    is_capped: bool = False
    """Whether an interval that holds the truth too often counts as missed too."""

    @property
    def name(self) -> str:
        """Kind, population, number of episodes and truth; no two populations share it."""
        return f"{self.kind}, {self.about}, {self.num}, {self.truth:.3g}"


# --- shares -------------------------------------------------------------------------------------


def _clopper_pearson(num: int, share: float) -> Population:
    def estimate(rng: Rng, seed: int) -> Estimate:
        return stats.clopper_pearson(int(rng.binomial(num, share)), num)

    return Population("clopper_pearson", "outcomes", num, share, estimate)


def _newcombe(num: int, table: tuple[float, float, float]) -> Population:
    """Shares of (both, only the first, only the second)."""
    shares = (*table, 1 - sum(table))

    def estimate(rng: Rng, seed: int) -> Estimate:
        kinds = rng.choice(4, size=num, p=shares)
        return stats.paired_difference(kinds <= 1, (kinds == 0) | (kinds == 2))

    about = f"paired outcomes, {table[1]:g} lost and {table[2]:g} won"
    return Population("newcombe", about, num, table[1] - table[2], estimate)


def _mean_share(num: int, share: float, spread: float) -> Population:
    """Success over three streams; `spread` says how much of the doubt lies between cases."""
    total = 1 / spread - 1

    def estimate(rng: Rng, seed: int) -> Estimate:
        each = rng.beta(share * total, (1 - share) * total, num)
        return bootstrap.mean_share(rng.binomial(3, each) / 3, seed=seed % 16)

    about = f"three streams, correlated {spread:g}"
    return Population("mean_share", about, num, share, estimate, is_capped=True)


def _share_of(num: int, share: float, ceiling: float) -> Population:
    def estimate(rng: Rng, seed: int) -> Estimate | None:
        solvable = rng.uniform(size=num) < ceiling
        each = np.where(solvable, rng.beta(9 * share, 9 * (1 - share), num), 0.05)
        return bootstrap.share_of(rng.binomial(3, each) / 3, solvable, seed=seed % 16)

    truth = (ceiling * share + 0.05 * (1 - ceiling)) / ceiling
    return Population("share_of", f"ceiling {ceiling:g}", num, truth, estimate, is_capped=True)


# --- continuous quantities -----------------------------------------------------------------------


def _ratio(about: str, num: int, truth: float, draw: Callable[[Rng], Any]) -> Population:
    def estimate(rng: Rng, seed: int) -> Estimate | None:
        return bootstrap.ratio_of_sums(*draw(rng), seed=seed % 16)

    return Population("ratio_of_sums", about, num, truth, estimate, is_capped=True)


def _drift(num: int, truth: float, skew: float) -> Population:
    """Errors and motions that share a scale, as an episode with much motion has large errors."""

    def draw(rng: Rng) -> tuple[Array, Array]:
        scale = rng.lognormal(0, skew, num)
        return truth * scale * rng.lognormal(-0.125, 0.5, num), scale

    return _ratio(f"lognormal, log std {skew:g}", num, truth, draw)


def _rank_by_case(num: int) -> Population:
    """A mean is a ratio over ones: here of one rank correlation per case."""
    knots, weights = np.polynomial.hermite_e.hermegauss(60)
    truth = float(np.tanh(1 + 0.6 * knots) @ weights / weights.sum())

    def draw(rng: Rng) -> tuple[Array, Array]:
        return np.tanh(rng.normal(1.0, 0.6, num)), np.ones(num)

    return _ratio("rank correlation by case", num, truth, draw)


def _gap(num: int) -> Population:
    """A few cases with a large optimism gap among many without."""

    def draw(rng: Rng) -> tuple[Array, Array]:
        exploited = rng.uniform(size=num) < 0.3
        return np.where(exploited, rng.lognormal(0, 0.5, num), 0.0), rng.lognormal(0, 0.5, num)

    return _ratio("optimism of three cases in ten", num, 0.3, draw)


def _median(num: int, block: float = 0.0) -> Population:
    """Delays; `block` is the env steps they are rounded up to."""

    def estimate(rng: Rng, seed: int) -> Estimate | None:
        values = rng.lognormal(2, 0.7, num)
        values = np.ceil(values / block) * block if block else values
        return bootstrap.median(values, seed=seed % 16)

    truth = math.exp(2)
    truth = math.ceil(truth / block) * block if block else truth
    about = f"delays in blocks of {block:g}" if block else "lognormal"
    return Population("median", about, num, truth, estimate, is_capped=not block)


def _median_ratio(num: int, common: float) -> Population:
    """Displacements and motions; `common` is the correlation of their logarithms."""

    def estimate(rng: Rng, seed: int) -> Estimate | None:
        shared = math.sqrt(common) * rng.standard_normal(num)
        own = math.sqrt(1 - common) * rng.standard_normal((2, num))
        over, under = np.exp(0.6 * (shared + own[0])), np.exp(0.4 * (shared + own[1]))
        return bootstrap.median_ratio(2 * over, under, seed=seed % 16)

    about = f"lognormal, correlated {common:g}"
    return Population("median_ratio", about, num, 2.0, estimate, is_capped=True)


def _auroc(num: int, truth: float, common: float) -> Population:
    """Normal scores; `common` is the correlation of a clip with its twin."""
    shift = math.sqrt(2) * float(special.ndtri(truth))

    def estimate(rng: Rng, seed: int) -> Estimate | None:
        shared = math.sqrt(common) * rng.standard_normal(num)
        own = math.sqrt(1 - common) * rng.standard_normal((2, num))
        return bootstrap.auroc(shift + shared + own[0], shared + own[1], seed=seed % 16)

    return Population("auroc", f"twins correlated {common:g}", num, truth, estimate, is_capped=True)


def _spearman(num: int, rho: float) -> Population:
    def estimate(rng: Rng, seed: int) -> Estimate | None:
        one = rng.standard_normal(num)
        other = rho * one + math.sqrt(1 - rho**2) * rng.standard_normal(num)
        return bootstrap.statistic(
            lambda i: spectra.spearman(one[i], other[i]), num, seed=seed % 16
        )

    truth = 6 / math.pi * math.asin(rho / 2)
    return Population("statistic", "rank correlation", num, truth, estimate, is_capped=True)


# --- clouds of latents ---------------------------------------------------------------------------


def _effective_rank(num: int, width: int) -> Population:
    scales = np.geomspace(3.0, 0.1, width)
    shares = scales**2 / (scales**2).sum()

    def estimate(rng: Rng, seed: int) -> Estimate | None:
        return spectra.jackknife(rng.standard_normal((num, width)) * scales, spectra.effective_rank)

    truth = float(np.exp(-(shares * np.log(shares)).sum()))
    return Population("jackknife", f"effective rank of {width}", num, truth, estimate)


def _leading_share(num: int, width: int) -> Population:
    scales = np.geomspace(3.0, 0.1, width)

    def estimate(rng: Rng, seed: int) -> Estimate | None:
        z = rng.standard_normal((num, width)) * scales
        return spectra.jackknife(z, lambda part: float(spectra.variance_shares(part)[0]))

    truth = float(scales[0] ** 2 / (scales**2).sum())
    return Population("jackknife", f"leading share of {width}", num, truth, estimate)


def _equal_dimensions(num: int, width: int) -> Population:
    """What a regulariser of the LeWM family asks for."""

    def estimate(rng: Rng, seed: int) -> Estimate | None:
        return spectra.jackknife(rng.standard_normal((num, width)), spectra.effective_rank)

    return Population("jackknife", f"effective rank of {width} alike", num, width, estimate)


def _smallest_std(num: int, scales: tuple[float, ...]) -> Population:
    def estimate(rng: Rng, seed: int) -> Estimate | None:
        z = rng.standard_normal((num, len(scales))) * scales
        return spectra.dimension_std(z, smallest=True)

    name = f"least of {len(scales)}, {'alike' if len(set(scales)) == 1 else 'unlike'}"
    return Population("dimension_std", name, num, min(scales), estimate)


def _intrinsic_dimension(num: int, width: int) -> Population:
    """Flat, inside twelve dimensions."""

    def estimate(rng: Rng, seed: int) -> Estimate | None:
        z = rng.standard_normal((num, width)) @ np.eye(width, 12)
        return spectra.intrinsic_dimension(z, seed=seed % 16)

    return Population("intrinsic_dimension", f"of {width}", num, width, estimate)


def _rises_to(num: int, stops: float) -> Population:
    """Latent distance that stops rising at a share of the farthest distance, with noise."""

    def pairs(rng: Rng, count: int) -> tuple[Array, Array]:
        true = rng.random(count)
        return true, np.minimum(true, stops) + 0.03 * rng.standard_normal(count)

    def estimate(rng: Rng, seed: int) -> Estimate | None:
        return rising.interval(*pairs(rng, num), seed=seed % 16)

    truth = rising.rises_to(*pairs(np.random.default_rng(0), 1_000_000))
    return Population("rises_to", f"stops at {stops}", num, truth, estimate)


POPULATIONS: tuple[Population, ...] = (
    *(_clopper_pearson(n, p) for n in (24, 80, 150, 400) for p in (0.05, 0.5, 0.8, 0.95)),
    *(
        _newcombe(n, table)
        for n in (40, 80, 150, 400)
        for table in ((0.8, 0.1, 0.02), (0.9, 0.02, 0.02), (0.4, 0.4, 0.05), (0.3, 0.2, 0.2))
    ),
    *(
        _mean_share(n, share, spread)
        for n in (80, 150, 400)
        for share in (0.5, 0.74, 0.9, 0.95)
        for spread in (0.2, 0.7)
    ),
    *(
        _share_of(n, share, ceiling)
        for n in (80, 150, 400)
        for share, ceiling in ((0.6, 0.9), (0.85, 0.95), (0.95, 0.97))
    ),
    *(_drift(n, 0.5, skew) for n in (40, 120, 200) for skew in (0.3, 0.8)),
    *(_rank_by_case(n) for n in (40, 80)),
    *(_gap(n) for n in (40, 80, 100)),
    *(_median(n) for n in (20, 80, 200)),
    *(_median(n, block=5.0) for n in (20, 80, 200)),
    *(_median_ratio(n, common) for n in (24, 40, 100) for common in (0.0, 0.3)),
    *(
        _auroc(n, truth, common)
        for n in (40, 120, 200)
        for truth in (0.5, 0.8, 0.95)
        for common in (0.0, 0.8)
    ),
    *(_spearman(n, rho) for n in (100, 200, 500) for rho in (0.3, 0.6, 0.95)),
    *(_effective_rank(n, width) for n, width in ((200, 6), (400, 6), (400, 32), (1000, 32))),
    *(_leading_share(n, 6) for n in (200, 400)),
    *(_equal_dimensions(n, width) for n, width in ((400, 6), (400, 64))),
    *(_smallest_std(n, scales) for n in (200, 400) for scales in ((0.5, 1.0, 2.0), (1.0,) * 64)),
    *(_intrinsic_dimension(n, width) for n, width in ((400, 1), (400, 2), (400, 4))),
    *(_rises_to(n, stops) for n in (200, 500) for stops in (0.3, 0.7)),
)
