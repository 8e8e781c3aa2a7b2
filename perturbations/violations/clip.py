"""What clips are: lawful episodes and their unlawful twins, the same up to the critical frame.

Shapes in this module:
    E  clips     T  env steps     B  model steps     K  env steps per block
    S  state width     A  action width
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perturbations.nuisances.nuisance import FrameSeeds
from perturbations.violations import motion
from perturbations.violations.violation import Violation

if TYPE_CHECKING:
    from perturbations.bench import Bench
    from perturbations.protocols import Frames, World

LEAST_MOTION = 0.5
"""Shown and lawful states must part by so many times a median lawful block's motion."""
FRAMES_AFTER = 3
"""Frames that a clip has at least after the critical one, where episodes are long enough."""


@dataclass(frozen=True)
class Clips:
    """Lawful and unlawful twins of one violation at one magnitude."""

    violation: Violation
    magnitude: float
    lawful: NDArray[np.float64]
    """States at the frames, (E, B+1, S)."""
    shown: NDArray[np.float64]
    """States as the camera sees them in the unlawful twin, (E, B+1, S)."""
    actions: NDArray[np.float64]
    """(E, B, K, A)."""
    critical: NDArray[np.int64]
    """Index of the last lawful frame, (E,)."""
    kept: NDArray[np.bool_]
    """Whether the twin is unlawful, and by enough to count, (E,)."""
    separation: NDArray[np.float64]
    """Largest true distance between shown and lawful states, in the world's units, (E,)."""
    seeds: NDArray[np.int64]
    """(E,)."""
    told: NDArray[np.float64]
    """Actions as the model is told them in the unlawful twin, (E, B, K, A)."""
    last: NDArray[np.int64]
    """Index of the last frame of the unlawful twin, (E,)."""
    is_possible: bool = True
    """Whether the event could happen in any clip that was tried."""
    is_recorded: bool = False
    """Whether nobody can run the laws, so that parting by enough has to do."""

    @property
    def num_frames(self) -> int:
        """B+1."""
        return int(self.lawful.shape[1])

    def unlawful_frames(self, world: "World", time: int, rows: NDArray[np.int64]) -> "Frames":
        """Frames of the unlawful twins of `rows` at one time, which all have the same critical."""
        since = time - int(self.critical[rows[0]])
        seeds = FrameSeeds(self.seeds[rows], np.full(len(rows), time))
        if since <= 0:
            return world.render(self.lawful[rows, time])
        return self.violation.paint(world, self.shown[rows, time], self.magnitude, seeds, since)

    def after_the_event(self) -> Iterator[tuple[NDArray[np.int64], int]]:
        """Kept clips and times after their critical frame: all pairs, grouped by critical frame."""
        for critical in np.unique(self.critical[self.kept]):
            rows = np.flatnonzero(self.kept & (self.critical == critical))
            for time in range(int(critical) + 1, self.num_frames):
                still = rows[self.last[rows] >= time]
                if len(still):
                    yield still, time

    def oracle(self, world: "World") -> NDArray[np.bool_]:
        """Whether one who knows the true state and the laws can tell each twin is unlawful, (E,).

        Two things must hold: a frame differs from the lawful twin's by at least one grey level,
        and, unless the scene is repainted, the shown states break the law of motion. Recorded
        episodes have no such law: there a clip counts if a frame or a command differs.
        """
        if self.is_recorded:
            told_otherwise = (self.told != self.actions).any(axis=(1, 2, 3))
            return np.asarray(self._differs_in_a_frame(world) | told_otherwise)
        differs = self._differs_in_a_frame(world)
        return (
            differs & self._breaks_motion(world, differs)
            if self.violation.needs_motion
            else differs
        )

    def _breaks_motion(self, world: "World", asked: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Of the clips that are asked about, whether anything moves against the law."""
        broken = np.zeros(len(self.shown), dtype=bool)
        for time in range(self.num_frames - 1):
            rows = np.flatnonzero(asked & (time >= self.critical) & ~broken)
            if not len(rows):
                continue
            expected = self.shown[rows, time]
            for step in range(self.actions.shape[2]):
                expected = world.step(expected, self.actions[rows, time, step])
            broken[rows] = motion.parting(world, expected, self.shown[rows, time + 1]) > 1e-6
        return broken

    def _differs_in_a_frame(self, world: "World") -> NDArray[np.bool_]:
        differs = np.zeros(len(self.shown), dtype=bool)
        for kept, time in self.after_the_event():
            rows = kept[~differs[kept]]
            if not len(rows):
                continue
            unlawful = self.unlawful_frames(world, time, rows)
            other = unlawful != world.render(self.lawful[rows, time])
            differs[rows] |= other.reshape(len(rows), -1).any(axis=1)
        return differs


def criticals_of(bench: "Bench") -> NDArray[np.int64]:
    """Frames after which an event may come: the history is full, and frames follow."""
    last = bench.model_steps_per_episode - FRAMES_AFTER
    first = min(bench.model.history - 1, max(last, 0))
    return np.arange(first, max(last, first) + 1)


def first_per_episode(
    source: NDArray[np.int64], serves: NDArray[np.bool_], num: int
) -> NDArray[np.int64]:
    """For each episode the first candidate that serves, or any when none does, (E,)."""
    ranked = np.argsort(~serves, kind="stable")
    _, first = np.unique(source[ranked], return_index=True)
    return ranked[first][:num]
