"""The picture of the two-room world, at any size up to 224 pixels.

Shapes in this module:
    N  frames           S  picture size in pixels        L  layers (background, door, wall, border)
    P  width of the square around a dot that the dot can reach

Coordinates are those of the 224-pixel picture: pixel i lies at i and covers [i-0.5, i+0.5].
A smaller picture shows the same scene: still parts are averaged over the area that a pixel
covers, the dots are evaluated at the pixel's centre.

Source: the TwoRoom environment of stable-worldmodel (MIT), whose 224-pixel picture is the
reference; written anew for batches.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

FULL_SIZE_PX = 224
WALL_CENTER_PX = 112
BORDER_PX = 14
_BORDER_LINE_PX = 4
LAYERS = ("background.color", "door.color", "wall.color", "wall.border_color")

# A dot weaker than this leaves every grey level as it is: 1 - 2**-25 is 1 in float32.
_REACH_IN_RADII = float(np.sqrt(2 * 25 * np.log(2)))
_CHUNK_BYTES = 1 << 20

Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class Geometry:
    """Where walls and doors stand.

    `doors` holds (centre, half-extent) in pixels along the wall. A wall is vertical if
    `is_vertical`, and covers `WALL_CENTER_PX` plus and minus `half_thickness_px`.
    """

    is_vertical: bool
    half_thickness_px: int
    doors: tuple[tuple[int, int], ...]


def pixel_centers(size_px: int) -> NDArray[np.float64]:
    """Centres of the pixels of a picture, (S,), in 224-pixel coordinates."""
    return np.asarray((np.arange(size_px) + 0.5) * (FULL_SIZE_PX / size_px) - 0.5)


@lru_cache(maxsize=64)
def layer_weights(geometry: Geometry, size_px: int) -> NDArray[np.float32]:
    """How much of each pixel each of `LAYERS` covers, (L, S, S); the layers sum to 1."""
    layer = np.zeros((FULL_SIZE_PX, FULL_SIZE_PX), dtype=np.int64)
    pixel = np.arange(FULL_SIZE_PX)
    in_wall = np.abs(pixel - WALL_CENTER_PX) <= geometry.half_thickness_px
    in_door = np.zeros(FULL_SIZE_PX, dtype=bool)
    for center, half_extent in geometry.doors:
        in_door |= np.abs(pixel - center) <= half_extent
    # Rows run along a vertical wall.
    stripe = np.where(in_door, 1, 2)[:, None] * in_wall[None, :]
    layer = stripe if geometry.is_vertical else stripe.T.copy()
    first, last = BORDER_PX - _BORDER_LINE_PX, FULL_SIZE_PX - BORDER_PX
    for line in (slice(first, BORDER_PX), slice(last, last + _BORDER_LINE_PX)):
        layer[line, :] = 3
        layer[:, line] = 3
    masks = (layer[None] == np.arange(len(LAYERS))[:, None, None]).astype(np.float64)
    shrink = _area_average(size_px)
    weights: NDArray[np.float32] = (shrink @ masks @ shrink.T).astype(np.float32)
    weights.flags.writeable = False
    return weights


def _area_average(size_px: int) -> NDArray[np.float64]:
    """Matrix (S, 224) that averages 224 pixels over the extent of S larger ones."""
    scale = FULL_SIZE_PX / size_px
    low = np.arange(size_px)[:, None] * scale
    pixel = np.arange(FULL_SIZE_PX)[None, :]
    overlap = np.minimum(low + scale, pixel + 1) - np.maximum(low, pixel)
    return np.asarray(np.clip(overlap, 0.0, None) / scale)


def paint_still(frames: Frames, weights: NDArray[np.float32], colors: NDArray[np.float64]) -> None:
    """Paint walls, doors and background, in place.

    Args:
        frames: (N, S, S, 3), overwritten.
        weights: (L, S, S) from `layer_weights`.
        colors: (1, L, 3) or (N, L, 3), grey levels.
    """
    if len(colors) == 1 and len(frames) != 1:
        one = np.empty_like(frames[:1])
        paint_still(one, weights, colors)
        frames[:] = one
        return
    chunk = max(1, _CHUNK_BYTES // weights[0].nbytes)
    levels = colors.astype(np.float32)[..., None, None]
    for start in range(0, len(frames), chunk):
        part = slice(start, start + chunk)
        for channel in range(3):
            painted = weights[0] * levels[part, 0, channel]
            for layer in range(1, len(weights)):
                painted += weights[layer] * levels[part, layer, channel]
            frames[part, ..., channel] = np.rint(painted, out=painted)


def draw_dots(
    frames: Frames, positions: NDArray[Any], radius: float, colors: NDArray[np.float64]
) -> None:
    """Blend one Gaussian dot into each frame, in place.

    The dot's strength is 1 at the pixel of the 224-pixel picture that lies nearest to it and
    falls off with standard deviation `radius`; blended levels are cut, not rounded. Both as
    in the reference.

    Args:
        frames: (N, S, S, 3), changed.
        positions: (N, 2), x and y in 224-pixel coordinates.
        radius: in pixels of the 224-pixel picture.
        colors: (1, 3) or (N, 3), grey levels.
    """
    size_px = frames.shape[1]
    levels = np.broadcast_to(colors.astype(np.float32), (len(frames), 3))
    half = int(np.ceil(_REACH_IN_RADII * radius * size_px / FULL_SIZE_PX)) + 1
    num_bytes = 4 * min(2 * half + 1, size_px) ** 2
    chunk = max(1, _CHUNK_BYTES // num_bytes)
    for start in range(0, len(frames), chunk):
        part = slice(start, start + chunk)
        _draw_chunk(frames[part], positions[part], radius, levels[part], half)


def _draw_chunk(
    frames: Frames,
    positions: NDArray[Any],
    radius: float,
    levels: NDArray[np.float32],
    half: int,
) -> None:
    num, size_px = frames.shape[:2]
    columns, offset_x, nearest_x = _reach(positions[:, 0], size_px, half)
    rows, offset_y, nearest_y = _reach(positions[:, 1], size_px, half)
    # Operation by operation as in the reference, in float32: where dot and background share
    # a level, its rounding decides between that level and the one below.
    fall_off = np.float32(2.0 * radius**2)
    strength = np.exp(-(offset_x[:, None, :] + offset_y[:, :, None]) / fall_off)
    strength /= np.exp(-(nearest_x + nearest_y) / fall_off)[:, None, None]
    strength = np.minimum(strength, np.float32(1))
    rest = 1 - strength
    # Indices of pixels in a flat list of pixels, (N, P, P).
    index = (np.arange(num)[:, None, None] * size_px + rows[:, :, None]) * size_px
    index = index + columns[:, None, :]
    pixels = frames.reshape(-1, 3)
    patch = pixels[index]
    for channel in range(3):
        level = levels[:, channel, None, None]
        patch[..., channel] = (patch[..., channel] * rest + level * strength).astype(np.uint8)
    pixels[index] = patch


def _reach(
    position: NDArray[Any], size_px: int, half: int
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    """What a dot reaches along one axis.

    Returns:
        indices of pixels (N, P), their squared distances (N, P) from the dot, and the squared
        distance (N,) of the nearest pixel of the 224-pixel picture.
    """
    if 2 * half + 1 >= size_px:
        index = np.broadcast_to(np.arange(size_px), (len(position), size_px))
    else:
        center = np.rint((position + 0.5) * (size_px / FULL_SIZE_PX) - 0.5).astype(np.int64)
        # Clipped indices repeat a border pixel with the same strength: harmless.
        index = np.clip(center[:, None] + np.arange(-half, half + 1), 0, size_px - 1)
    place = position.astype(np.float32)
    offset = pixel_centers(size_px).astype(np.float32)[index] - place[:, None]
    nearest = np.clip(np.rint(place), 0, FULL_SIZE_PX - 1) - place
    return index, offset * offset, nearest * nearest
