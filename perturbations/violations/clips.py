"""Clips of a world that can be run; where there is none, out of recorded episodes.

Shapes in this module:
    E  clips     T  env steps     B  model steps     K  env steps per block
    S  state width     A  action width     C  candidates for the critical frame, R starts

Each scoring episode gives one clip: the first of its candidates, in random order, in which the
event is possible and makes a difference. Episodes without one are dropped and counted.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perturbations.driving.acting import replayed
from perturbations.seeding import derive_seed
from perturbations.violations import motion
from perturbations.violations.clip import LEAST_MOTION, Clips, criticals_of, first_per_episode
from perturbations.violations.motion import Lawful
from perturbations.violations.recorded_clips import make_recorded_clips
from perturbations.violations.violation import Violation

if TYPE_CHECKING:
    from perturbations.bench import Bench

_STARTS_NEAR_WALLS = 20
_MOST_ROUNDS = 8


def make_clips(bench: "Bench", violation: Violation, magnitude: float) -> Clips:
    """One clip per scoring episode, of a simulator or out of recorded ones."""
    if bench.recorded is not None:
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
    kept, separation, is_possible = np.zeros(num, dtype=bool), np.zeros(num), False
    for part in _rounds(bench, source[row]) if can_be_shown else []:
        part = part[~kept[source[row[part]]]]
        if not len(part):
            break
        begin = critical[part] * bench.block_size
        tried = Lawful(bench.world, states[row[part]], actions[row[part]], begin, bench.block_size)
        seen, possible = violation.happen(tried, magnitude, rng)
        is_possible |= bool(possible.any())
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
        is_possible=is_possible,
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


def _separation(
    bench: "Bench", lawful: NDArray[np.float64], shown: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Largest distance over the frames, (E,)."""
    times = range(0, bench.model_steps_per_episode * bench.block_size + 1, bench.block_size)
    return np.asarray(
        np.max([motion.parting(bench.world, shown[:, t], lawful[:, t]) for t in times], axis=0)
    )
