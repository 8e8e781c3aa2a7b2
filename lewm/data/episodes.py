"""Episodes: what was seen, what was done, what was true.

Shapes in this module:
    E  episodes    T  env steps of each    H, W  picture size    A  action width    S  state width
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lewm.errors import LewmError


@dataclass(frozen=True)
class Episodes:
    """Episodes of equal length.

    Attributes:
        frames: (E, T+1, H, W, 3), uint8.
        actions: (E, T, A), float32, env units; actions[:, t] is taken *from* frame t.
        states: (E, T+1, S), float64.
    """

    frames: NDArray[np.uint8]
    actions: NDArray[np.float32]
    states: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together.

        Raises:
            LewmError: a wrong dtype, a wrong shape, no episode or no env step.
        """
        for name, array, dtype, axes in (
            ("frames", self.frames, np.uint8, 5),
            ("actions", self.actions, np.float32, 3),
            ("states", self.states, np.float64, 3),
        ):
            if array.dtype != dtype or array.ndim != axes:
                raise LewmError(
                    f"{name} have dtype {array.dtype} and {array.ndim} axes, "
                    f"expected {np.dtype(dtype)} and {axes}",
                    next_step="build episodes with lewm.collection.collect, or convert the arrays",
                )
        num, num_steps = self.actions.shape[:2]
        if num == 0 or num_steps == 0:
            raise LewmError(
                f"{num} episodes of {num_steps} env steps hold no transition",
                next_step="give at least one episode with at least one env step",
            )
        if self.frames.shape[:2] != (num, num_steps + 1) or self.frames.shape[-1] != 3:
            raise self._misfit("frames", self.frames.shape, f"({num}, {num_steps + 1}, H, W, 3)")
        if self.states.shape[:2] != (num, num_steps + 1):
            raise self._misfit("states", self.states.shape, f"({num}, {num_steps + 1}, S)")

    @property
    def num_episodes(self) -> int:
        """Number of episodes E."""
        return len(self.actions)

    @property
    def length_env_steps(self) -> int:
        """Env steps T of each episode; it has one frame more."""
        return int(self.actions.shape[1])

    def take(self, chosen: slice | Sequence[int] | NDArray[np.int64]) -> "Episodes":
        """The chosen episodes, in the order given."""
        rows: Any = chosen if isinstance(chosen, slice) else np.asarray(chosen, dtype=np.int64)
        return Episodes(self.frames[rows], self.actions[rows], self.states[rows])

    @staticmethod
    def _misfit(name: str, shape: tuple[int, ...], expected: str) -> LewmError:
        return LewmError(
            f"{name} have shape {shape}, expected {expected}",
            next_step="give T+1 frames and states for T actions",
        )
