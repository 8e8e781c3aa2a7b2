"""Clips of recorded episodes: as in `perturbations.violations.clip`, without a simulator.

Shapes in this module:
    E  episodes     T  env steps     B  model steps     K  env steps per block
    S  state width     A  action width     C  candidates     H, W  frame height, width

Who judges whether a clip is unlawful by enough is the recorded true state where there is one, and
otherwise the pixels: what is shown, or the way that the told actions do not explain, has to be at
least half of what moves in a median recorded block.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perturbations.seeding import derive_seed
from perturbations.violations.clip import (
    FRAMES_AFTER,
    LEAST_MOTION,
    Clips,
    criticals_of,
    first_per_episode,
)
from perturbations.violations.motion import Lawful
from perturbations.violations.splices import Spliced, splice_of
from perturbations.violations.violation import Violation

if TYPE_CHECKING:
    from perturbations.bench import Bench

_AT_ONCE = 256


def make_recorded_clips(bench: "Bench", violation: Violation, magnitude: float) -> Clips:
    """One clip per scoring episode: the first candidate that serves, in random order.

    Raises:
        ValueError: the violation cannot be made of recorded episodes.
    """
    splice = splice_of(violation)
    if splice is None:
        raise ValueError(f"{violation.name} needs a simulator")
    rng = np.random.default_rng(derive_seed(bench.seed, "clips", violation.name, str(magnitude)))
    episodes, num, block = bench.lawful_scoring, len(bench.scoring), bench.block_size
    steps = bench.model_steps_per_episode
    states = episodes.states[:, : steps * block + 1]
    actions = episodes.actions[:, : steps * block]
    criticals = criticals_of(bench)
    order = rng.permutation(num * len(criticals))
    source, critical = order // len(criticals), criticals[order % len(criticals)]
    tried = Lawful(bench.world, states[source], actions[source], critical * block, block)
    made = splice(tried, magnitude, rng)
    last = made.end // block
    # Where the film goes on elsewhere, so do the commands, and nothing follows from these.
    is_film_kept = (made.shown == tried.states).all(axis=(1, 2))
    parted = np.where(
        is_film_kept,
        _told_apart(bench, tried, made.told, last),
        _shown_apart(bench, tried, made, last),
    )
    serves = made.possible & (last > critical)
    if violation.needs_motion:
        serves &= parted >= LEAST_MOTION
    chosen = first_per_episode(source, serves, num)

    def in_blocks(taken: NDArray[np.float64]) -> NDArray[np.float64]:
        return taken[chosen].reshape(num, steps, block, -1)

    return Clips(
        violation=violation,
        magnitude=magnitude,
        lawful=tried.states[chosen][:, ::block],
        shown=made.shown[chosen][:, ::block],
        actions=in_blocks(tried.actions),
        critical=critical[chosen],
        kept=serves[chosen],
        separation=parted[chosen],
        seeds=bench.episode_seeds(num),
        told=in_blocks(made.told),
        last=last[chosen],
        is_recorded=True,
    )


def _shown_apart(
    bench: "Bench", lawful: Lawful, made: Spliced, last: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How far shown and lawful states part after the event, in blocks' motion, (C,).

    As long as the model is told what was done the lawful twin is what has to come, and no longer;
    the first frame counts in any case. Of pixels no more than the first frames are compared.
    """
    apart, shown = np.zeros(len(made.shown)), made.shown
    critical = lawful.begin // bench.block_size
    until = np.minimum(last, critical + _blocks_told_truly(bench, lawful, made.told))
    for since in range(1, shown.shape[1] if bench.has_true_states else FRAMES_AFTER + 1):
        rows = np.flatnonzero(critical + since <= until)
        at = (critical[rows] + since) * bench.block_size
        one, other = shown[rows, at], lawful.states[rows, at]
        moved = np.flatnonzero((one != other).any(axis=1))
        found = np.zeros(len(rows))
        found[moved] = _distance(bench, one[moved], other[moved])
        apart[rows] = np.maximum(apart[rows], found)
    return apart / _block_motion(bench)


def _blocks_told_truly(
    bench: "Bench", lawful: Lawful, told: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Blocks from the event on that are told as they were taken, at least 1, (C,)."""
    num, length, width = told.shape
    as_blocks = (num, length // bench.block_size, bench.block_size, width)
    other = (told.reshape(as_blocks) != lawful.actions.reshape(as_blocks)).any(axis=(2, 3))
    critical = lawful.begin // bench.block_size
    other &= np.arange(as_blocks[1])[None, :] >= critical[:, None]
    first = np.where(other.any(axis=1), other.argmax(axis=1), as_blocks[1])
    return np.asarray(np.maximum(first - critical, 1))


def _told_apart(
    bench: "Bench", lawful: Lawful, told: NDArray[np.float64], last: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How far the told actions are from those taken, over the clip, in blocks' actions, (C,).

    0 where the agent hardly moved in the first block that is told otherwise: whatever it was told,
    it may have been held.
    """
    block = bench.block_size
    taken = lawful.actions
    until = np.arange(taken.shape[1])[None, :] < (last * block)[:, None]
    way = np.cumsum(np.where(until[..., None], told - taken, 0.0), axis=1)[:, block - 1 :: block]
    usual = np.linalg.norm(bench.lawful_scoring.blocks(block).sum(axis=2), axis=-1)
    apart = np.linalg.norm(way, axis=-1).max(axis=1) / max(float(np.median(usual)), 1e-12)
    rows = np.flatnonzero(apart > 0)
    at = lawful.begin[rows]
    moved = _distance(bench, lawful.states[rows, at], lawful.states[rows, at + block])
    apart[rows[moved < LEAST_MOTION * _block_motion(bench)]] = 0
    return np.asarray(apart)


def _block_motion(bench: "Bench") -> float:
    """What moves in a median block of the scoring episodes; never quite zero."""
    states = bench.lawful_scoring.block_states(bench.block_size)
    width = states.shape[-1]
    away = _distance(bench, states[:, :-1].reshape(-1, width), states[:, 1:].reshape(-1, width))
    return max(float(np.median(away)), 1e-12)


def _distance(
    bench: "Bench", one: NDArray[np.float64], other: NDArray[np.float64]
) -> NDArray[np.float64]:
    """True distance where it is known, else the root mean square difference of the pixels, (N,)."""
    if bench.has_true_states:
        return bench.world.distance(one, other)
    found = [np.empty(0)]
    for start in range(0, len(one), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        frames = [bench.world.render(states[part]).astype(np.float32) for states in (one, other)]
        found.append(np.sqrt(np.square(frames[0] - frames[1]).mean(axis=(1, 2, 3))))
    return np.concatenate(found)
