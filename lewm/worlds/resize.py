"""Pictures at another size, as stable-worldmodel resizes what its environments draw."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lewm.errors import LewmError


def resized(frame: NDArray[Any], size_px: int) -> NDArray[np.uint8]:
    """A frame (H, W, 3) at (P, P, 3): Pillow's bilinear filter, which averages when it shrinks.

    Raises:
        LewmError: no RGB picture, or another size is asked for and Pillow is not installed.
    """
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[-1] != 3:
        raise LewmError(
            f"the environment drew dtype {frame.dtype} and shape {frame.shape}, expected uint8 and "
            "(H, W, 3)",
            next_step='build it with render_mode="rgb_array"',
        )
    if frame.shape[:2] == (size_px, size_px):
        return frame
    try:
        from PIL import Image
    except ModuleNotFoundError as missing:
        raise LewmError(
            f"the environment draws at {frame.shape[0]} px and resizing to {size_px} px needs "
            f"{missing.name}, which is not installed",
            next_step="pip install pillow, or ask for the environment's own size",
        ) from None
    picture = Image.fromarray(np.ascontiguousarray(frame))
    return np.asarray(picture.resize((size_px, size_px), Image.Resampling.BILINEAR))
