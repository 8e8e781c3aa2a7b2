"""Ways a colour can take: towards named ones, far enough, and never past what it would hide."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

TARGETS: Mapping[str, tuple[int, int, int]] = {
    "to_red": (255, 0, 0),
    "to_yellow": (255, 255, 0),
    "to_green": (0, 128, 0),
    "to_blue": (0, 0, 255),
    "to_navy": (0, 0, 128),
    "to_magenta": (255, 0, 255),
    "to_grey": (128, 128, 128),
}
"""Where colour classes can go; sRGB grey levels."""
VISIBLE_DELTA_E = 20.0
"""Agent and background stay at least so far apart: a nuisance must not hide the agent."""
_SHORTEST_PATH_DELTA_E = 10.0


def is_open(
    start: NDArray[np.float64], end: NDArray[np.float64], other: NDArray[np.float64] | None
) -> bool:
    """Whether the way from start to end (Lab) leads somewhere, and not past the other colour."""
    way = end - start
    length = float(np.linalg.norm(way))
    if length < _SHORTEST_PATH_DELTA_E:
        return False
    if other is None:
        return True
    share = np.clip(np.dot(other - start, way) / length**2, 0, 1)
    return float(np.linalg.norm(start + share * way - other)) >= VISIBLE_DELTA_E
