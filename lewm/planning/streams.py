"""Where a planner's randomness comes from.

Shapes in this module:
    n  cases that need a plan
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from lewm.planning.search import Seed


class Streams(Protocol):
    """Gives every plan its randomness."""

    def draw(self, cases: NDArray[np.int64]) -> Sequence[Seed]:
        """One stream for each of these cases, (n,), in rising order."""
        ...


class CaseStreams:
    """A stream of its own for each case and call, so that no case depends on another."""

    def __init__(self, seed: int, num_cases: int) -> None:
        self._streams = [
            np.random.SeedSequence(seed, spawn_key=(case,)) for case in range(num_cases)
        ]

    def draw(self, cases: NDArray[np.int64]) -> list[Seed]:
        """The next seed of each case: each call spawns a child."""
        return [self._next(self._streams[case]) for case in cases]

    @staticmethod
    def _next(stream: np.random.SeedSequence) -> int:
        return int(stream.spawn(1)[0].generate_state(1, np.uint64)[0] >> np.uint64(1))


class OneStream:
    """One generator that all plans draw from, one after another, as the reference's solver.

    The reference plans one case at a time, in rising order, whenever cases need a plan; a solved
    case takes nothing. So the cases must be given to the planner one at a time.

    Source: facts/lewm.md 5.1. Ours draws on the processor; the reference draws on the model's
    device, so a run of theirs on a GPU has other noise.
    """

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)

    def draw(self, cases: NDArray[np.int64]) -> list[Seed]:
        """The same generator for every case."""
        return [self._generator] * len(cases)
