"""Clips: lawful episodes and their unlawful twins, the same up to the critical frame.

Shapes in this module:
    E  clips     T  env steps     B  model steps     K  env steps per block
    S  state width     A  action width     C  candidates for the critical frame, R starts

Each scoring episode gives one clip: the first of its candidates, in random order, in which the
event is possible and makes a difference. Episodes without one are dropped and counted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perturbations import motion
from perturbations.driven import replayed
from perturbations.motion import Lawful
from perturbations.nuisance import FrameSeeds
from perturbations.seeding import derive_seed
from perturbations.violation import Violation

if TYPE_CHECKING:
    from perturbations.bench import Bench
    from perturbations.protocols import Frames, World

LEAST_MOTION = 0.5
"""Shown and lawful states must part by so many times a median lawful block's motion."""
_STARTS_NEAR_WALLS = 20
_MOST_ROUNDS = 8
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
    can_be_shown: bool = True
    """Whether this world has what the event changes."""
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


def make_clips(bench: "Bench", violation: Violation, magnitude: float) -> Clips:
    """One clip per scoring episode; see the module docstring."""
    if bench.recorded is not None:
        from perturbations.recorded_clips import make_recorded_clips

        return make_recorded_clips(bench, violation, magnitude)
    seed = derive_seed(bench.seed, "clips", violation.name, str(magnitude))
    rng = np.random.default_rng(seed)
    num = len(bench.scoring)
    can_be_shown = violation.can_be_shown(bench.world, magnitude)
    enough = least_motion(bench) if violation.needs_motion else 0.0
    states, actions, source = _sources(bench, violation.seeks_walls and can_be_shown, rng)
    criticals = criticals_of(bench)
    # Every source with every candidate, shuffled, so that the first that serves is a fair draw.
    order = rng.permutation(len(states) * len(criticals))
    row, critical = order // len(criticals), criticals[order % len(criticals)]
    chosen = np.zeros(num, dtype=np.int64)
    shown = np.empty((num, *states.shape[1:]))
    kept, separation = np.zeros(num, dtype=bool), np.zeros(num)
    for part in _rounds(bench, source[row]) if can_be_shown else []:
        part = part[~kept[source[row[part]]]]
        if not len(part):
            break
        begin = critical[part] * bench.block_size
        tried = Lawful(bench.world, states[row[part]], actions[row[part]], begin, bench.block_size)
        seen, possible = violation.happen(tried, magnitude, rng)
        apart = _separation(bench, tried.states, seen)
        serves = possible & ((apart >= enough) if violation.needs_motion else np.True_)
        of = source[row[part]]
        first = first_per_episode(of, serves, num)
        chosen[of[first]], shown[of[first]] = part[first], seen[first]
        kept[of[first]], separation[of[first]] = serves[first], apart[first]
    if not can_be_shown:
        shown = states[row[chosen]]
    block = slice(None, None, bench.block_size)
    whole = bench.model_steps_per_episode * bench.block_size
    taken = actions[row[chosen], :whole].reshape(
        num, bench.model_steps_per_episode, bench.block_size, -1
    )
    return Clips(
        violation=violation,
        magnitude=magnitude,
        lawful=states[row[chosen], : whole + 1][:, block],
        shown=shown[:, : whole + 1][:, block],
        actions=taken,
        critical=critical[chosen],
        kept=kept,
        separation=separation,
        seeds=bench.episode_seeds(num),
        told=taken,
        last=np.full(num, bench.model_steps_per_episode),
        can_be_shown=can_be_shown,
    )


def _rounds(bench: "Bench", source: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Candidates (C,), by the episode each is for, in the parts in which they are tried.

    All at once, unless the world steps one state at a time: then one of every episode, and
    another of those that it did not serve.
    """
    if not getattr(bench.world, "steps_one_by_one", False):
        return [np.arange(len(source))]
    order = np.argsort(source, kind="stable")
    nth = np.empty(len(source), dtype=np.int64)
    starts = np.searchsorted(source[order], source[order])
    nth[order] = np.arange(len(source)) - starts
    return [np.flatnonzero(nth == turn) for turn in range(min(int(nth.max()) + 1, _MOST_ROUNDS))]


def least_motion(bench: "Bench") -> float:
    """How far shown and lawful states must part for a clip to count, in the world's units."""
    states = bench.lawful_scoring.block_states(bench.block_size)
    flat_from = states[:, :-1].reshape(-1, states.shape[-1])
    flat_to = states[:, 1:].reshape(-1, states.shape[-1])
    return LEAST_MOTION * float(np.median(motion.parting(bench.world, flat_from, flat_to)))


def _sources(
    bench: "Bench", anywhere: bool, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Lawful states (E*R, T+1, S), actions (E*R, T, A), and the episode each comes from."""
    episodes, num = bench.lawful_scoring, len(bench.scoring)
    repeats = 1
    if anywhere:
        is_slow = getattr(bench.world, "steps_one_by_one", False)
        repeats = _STARTS_NEAR_WALLS // 5 if is_slow else _STARTS_NEAR_WALLS
    source = np.tile(np.arange(num), repeats)
    actions = episodes.actions[source].astype(np.float64)
    start = episodes.states[source, 0]
    if anywhere:
        start = bench.world.sample_states(rng, len(source))
    return replayed(bench, start, actions), actions, source


def criticals_of(bench: "Bench") -> NDArray[np.int64]:
    """Frames after which an event may come: the history is full, and frames follow."""
    last = bench.model_steps_per_episode - FRAMES_AFTER
    first = min(bench.model.history - 1, max(last, 0))
    return np.arange(first, max(last, first) + 1)


def _separation(
    bench: "Bench", lawful: NDArray[np.float64], shown: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Largest distance over the frames, (E,)."""
    times = range(0, bench.model_steps_per_episode * bench.block_size + 1, bench.block_size)
    return np.asarray(
        np.max([motion.parting(bench.world, shown[:, t], lawful[:, t]) for t in times], axis=0)
    )


def first_per_episode(
    source: NDArray[np.int64], serves: NDArray[np.bool_], num: int
) -> NDArray[np.int64]:
    """For each episode the first candidate that serves, or any when none does, (E,)."""
    ranked = np.argsort(~serves, kind="stable")
    _, first = np.unique(source[ranked], return_index=True)
    return ranked[first][:num]
