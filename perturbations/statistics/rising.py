"""How far latent distance rises with true distance.

Pairs of states are sorted into tenths by true distance; between the means of the tenths the line is
straight, and it starts at 0. Asked is where that line first reaches nine tenths of the latent
distance of the farthest tenth. Where latent distance rises to the end in proportion, that is at
nine tenths of the farthest distance; where it stops rising somewhere, it is shortly before.

Shapes in this module:
    N  pairs of states
"""

import numpy as np
from numpy.typing import NDArray

from envelope.records import Estimate
from perturbations.statistics import bootstrap

MIN_PAIRS = 60
"""Fewer leave too few in a tenth."""
_TENTHS = 10
_LEVEL = 0.9

Array = NDArray[np.float64]


def rises_to(true: Array, latent: Array) -> float:
    """The true distance at which that level is reached, (N,) and (N,) in; 0 where nothing rises."""
    tenth = _tenths(true)
    distance, height = (
        np.bincount(tenth, column) / np.bincount(tenth) for column in (true, latent)
    )
    if not height[-1] > 0:
        return 0.0
    level = _LEVEL * height[-1]
    first = int(np.argmax(height >= level))
    before, below = (distance[first - 1], height[first - 1]) if first else (0.0, 0.0)
    return float(before + (level - below) / (height[first] - below) * (distance[first] - before))


def interval(true: Array, latent: Array, *, seed: int) -> Estimate | None:
    """The same with its bootstrap interval over pairs; None with fewer than `MIN_PAIRS`."""
    if len(true) < MIN_PAIRS:
        return None
    return bootstrap.statistic(
        lambda drawn: rises_to(true[drawn], latent[drawn]), len(true), seed=seed
    )


def farthest(true: Array) -> float:
    """Mean distance of the farthest tenth of pairs."""
    return float(true[_tenths(true) == _TENTHS - 1].mean())


def _tenths(true: Array) -> NDArray[np.int64]:
    tenth = np.empty(len(true), dtype=np.int64)
    for number, part in enumerate(np.array_split(np.argsort(true, kind="stable"), _TENTHS)):
        tenth[part] = number
    return tenth
