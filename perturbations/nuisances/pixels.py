"""What is done to frames themselves: pure functions of arrays.

Shapes in this module:
    N  frames       H, W  frame height, width
"""

import numpy as np
from numpy.typing import NDArray

from perturbations.nuisances import color

Frames = NDArray[np.uint8]
"""(N, H, W, 3)."""


def blend(one: Frames, other: NDArray[np.uint8], weights: NDArray[np.float32]) -> Frames:
    """`one` where weights are 0, `other` where they are 1; weights broadcast to the frames."""
    mixed = one + weights * (other.astype(np.float32) - one)
    return np.asarray(np.rint(mixed).astype(np.uint8))


def gain(frames: Frames, factor: float) -> Frames:
    """Multiply the linear light; what leaves the range of the camera is cut."""
    levels = color.from_linear(color.to_linear(np.arange(256)) * factor)
    return np.asarray(np.rint(levels).astype(np.uint8)[frames])


def blur(frames: Frames, radius: float) -> Frames:
    """Gaussian blur with standard deviation `radius`, in pixels of the frame."""
    from scipy import ndimage  # a tenth of a second that no reader of records should wait

    sigma = (0, radius, radius, 0)
    blurred = ndimage.gaussian_filter(frames.astype(np.float32), sigma, mode="nearest")
    return np.asarray(np.rint(blurred).astype(np.uint8))


def noise(frames: Frames, std: float, cases: NDArray[np.int64], times: NDArray[np.int64]) -> Frames:
    """Add Gaussian noise of `std` grey levels; frame n draws from (cases[n], times[n])."""
    noisy = np.empty_like(frames)
    for index, (case, time) in enumerate(zip(cases, times, strict=True)):
        rng = np.random.default_rng([int(case), int(time)])
        drawn = rng.standard_normal(frames.shape[1:], dtype=np.float32)
        noisy[index] = np.clip(np.rint(frames[index] + np.float32(std) * drawn), 0, 255)
    return noisy


def moved(frames: Frames, right: int, down: int) -> Frames:
    """Move the picture by whole pixels, repeating its edge into the gap."""
    height, width = frames.shape[1:3]
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - right, 0, width - 1)
    return frames[:, rows[:, None], columns[None, :]]


def discs(size: int, radius: float, cases: NDArray[np.int64]) -> NDArray[np.float32]:
    """How much of each pixel of a square frame a disc covers, (N, size, size).

    Args:
        size: width of the frame.
        radius: in pixels of the frame.
        cases: one seed per frame, (N,); it decides where the centre lies.
    """
    places = {
        int(case): np.random.default_rng([int(case), 1]).uniform(0, size, 2)
        for case in np.unique(cases)
    }
    centers = np.array([places[int(case)] for case in cases]).reshape(-1, 2, 1)
    offset = np.arange(size) + 0.5 - centers  # (N, 2, size)
    distance = np.sqrt(offset[:, 1, :, None] ** 2 + offset[:, 0, None, :] ** 2)
    return np.asarray(np.clip(radius + 0.5 - distance, 0, 1).astype(np.float32))
