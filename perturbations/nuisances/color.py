"""Colours and the distance between them.

The unit is delta E of CIE 1976: the Euclidean distance in CIELAB (D65, 2 degrees). It is a metric
and grows in proportion along a straight line in Lab, which a *range* of admitted change needs.
CIEDE2000 fits the eye better for small differences, but is neither a metric nor meant for
"beige to navy".

Sources: IEC 61966-2-1 (sRGB); CIE 15:2018 (CIELAB).
"""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_FROM_XYZ = np.linalg.inv(_TO_XYZ)
_WHITE = _TO_XYZ.sum(axis=1)
_EPSILON, _KAPPA = 216 / 24389, 24389 / 27


def to_linear(levels: ArrayLike) -> NDArray[np.float64]:
    """Linear light in [0, 1] of sRGB grey levels 0 to 255, any shape."""
    share = np.asarray(levels, dtype=np.float64) / 255
    return np.asarray(np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4))


def from_linear(light: ArrayLike) -> NDArray[np.float64]:
    """sRGB grey levels 0 to 255 of linear light, cut to [0, 1], any shape; not rounded."""
    share = np.clip(np.asarray(light, dtype=np.float64), 0, 1)
    encoded = np.where(share <= 0.0031308, share * 12.92, 1.055 * share ** (1 / 2.4) - 0.055)
    return np.asarray(encoded * 255)


def to_lab(levels: ArrayLike) -> NDArray[np.float64]:
    """CIELAB (..., 3) of sRGB grey levels (..., 3)."""
    array = np.asarray(levels)
    return _lab_of_one(tuple(array.tolist())) if array.ndim == 1 else _lab(array)


@lru_cache(maxsize=4096)
def _lab_of_one(levels: tuple[float, ...]) -> NDArray[np.float64]:
    """Factors of a world are a few colours, asked for with every frame."""
    lab = _lab(levels)
    lab.flags.writeable = False
    return lab


def _lab(levels: ArrayLike) -> NDArray[np.float64]:
    ratio = to_linear(levels) @ _TO_XYZ.T / _WHITE
    f = np.where(ratio > _EPSILON, np.cbrt(ratio), (_KAPPA * ratio + 16) / 116)
    return np.stack(
        [
            116 * f[..., 1] - 16,
            500 * (f[..., 0] - f[..., 1]),
            200 * (f[..., 1] - f[..., 2]),
        ],
        axis=-1,
    )


def from_lab(lab: ArrayLike) -> NDArray[np.int64]:
    """Nearest sRGB grey levels (..., 3), cut to the gamut."""
    values = np.asarray(lab, dtype=np.float64)
    middle = (values[..., 0] + 16) / 116
    f = np.stack([middle + values[..., 1] / 500, middle, middle - values[..., 2] / 200], axis=-1)
    ratio = np.where(f**3 > _EPSILON, f**3, (116 * f - 16) / _KAPPA)
    levels = from_linear(ratio * _WHITE @ _FROM_XYZ.T)
    return np.rint(levels).astype(np.int64)


def delta_e(one: ArrayLike, other: ArrayLike) -> NDArray[np.float64]:
    """Delta E 1976 between sRGB grey levels (..., 3) and (..., 3)."""
    return np.asarray(np.linalg.norm(to_lab(one) - to_lab(other), axis=-1))


def between(start: ArrayLike, end: ArrayLike, share: float) -> NDArray[np.int64]:
    """The colour that lies `share` of the way from one to the other, straight through Lab."""
    if share == 0:
        return np.asarray(start, dtype=np.int64)
    origin = to_lab(start)
    return from_lab(origin + share * (to_lab(end) - origin))
