"""A small ensemble whose heads agree where they were fitted and part where they were not.

Shapes in this module:
    N  transitions     D  latent width     F  random features     H  heads

Each head predicts how a latent changes over one model step, from the latent alone: no action. The
features are fixed at random; a head is a ridge regression on a bootstrap sample of the same
transitions. Source of the idea: the action-free ensemble of GhostOfRazgriz1/lewm-uncertainty,
whose code has no licence; written anew, with closed-form heads in place of trained ones.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_NUM_HEADS = 8
_NUM_FEATURES = 128
_RIDGE = 1e-3
"""Added to the mean of squared features; features are of order one."""


@dataclass(frozen=True)
class Ensemble:
    """Fitted heads over fixed features."""

    center: NDArray[np.float64]
    """Mean latent, (D,)."""
    scale: float
    """Root mean square of a centred latent's numbers: one for all, so that a direction that never
    varied is as long as any other."""
    directions: NDArray[np.float64]
    """(D, F)."""
    offsets: NDArray[np.float64]
    """(F,)."""
    heads: NDArray[np.float64]
    """(H, F + 1, D)."""

    def spread(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Variance over the heads, summed over the latent, (..., D) to (...), in scaled units."""
        features = self._features(z.reshape(-1, z.shape[-1]))
        predicted = np.stack([features @ head for head in self.heads])  # (H, N, D)
        return np.asarray(predicted.var(axis=0).sum(axis=-1).reshape(z.shape[:-1]))

    def _features(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, F + 1); they grow without end away from the centre, so extrapolation shows."""
        inner = (z - self.center) / self.scale @ self.directions + self.offsets
        return np.hstack([np.maximum(inner, 0.0), np.ones((len(z), 1))])


def fit(z: NDArray[np.float64], z_next: NDArray[np.float64], *, seed: int) -> Ensemble:
    """Fit the heads on transitions from z (N, D) to z_next (N, D).

    Raises:
        ValueError: a latent holds a number that is not finite.
    """
    if not (np.isfinite(z).all() and np.isfinite(z_next).all()):
        raise ValueError("a latent to fit the ensemble on holds what is not a finite number")
    rng = np.random.default_rng(seed)
    num, width = z.shape
    center = z.mean(axis=0)
    scale = float(np.sqrt(np.square(z - center).mean())) or 1.0
    directions = rng.standard_normal((width, _NUM_FEATURES)) / np.sqrt(width)
    offsets = rng.standard_normal(_NUM_FEATURES)
    blank = Ensemble(center, scale, directions, offsets, np.zeros((0, _NUM_FEATURES + 1, width)))
    features, change = blank._features(z), (z_next - z) / scale
    heads = []
    for _ in range(_NUM_HEADS):
        drawn = rng.integers(num, size=num)
        one, other = features[drawn], change[drawn]
        gram = one.T @ one / num + _RIDGE * np.eye(one.shape[1])
        heads.append(np.linalg.solve(gram, one.T @ other / num))
    return Ensemble(center, scale, directions, offsets, np.stack(heads))
