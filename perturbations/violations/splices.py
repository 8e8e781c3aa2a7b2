"""Unlawful clips out of recorded episodes: films are cut, and what was commanded is told otherwise.

Shapes in this module:
    E  clips     T  env steps     S  state width     A  action width     P  places to cut to
    K  env steps per block

Without a simulator nothing else can happen than what happened. But a film can go on elsewhere, and
the model can be told other actions than those that were taken: an agent that was told the opposite
of what it did is one that did the opposite of what it was told. Up to the event, films and actions
are those of the lawful twin; where a film goes on elsewhere it goes on with the actions that were
taken there, so that nothing but the cut is unlawful.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from perturbations.violations.clip import FRAMES_AFTER
from perturbations.violations.motion import Lawful, in_units
from perturbations.violations.violation import Violation

_NEAR = 0.1
"""A place to cut to is so far away as asked for, within this share of it."""


class Spliced(NamedTuple):
    """The unlawful twins of some clips."""

    shown: NDArray[np.float64]
    """States as the camera sees them, (E, T+1, S)."""
    told: NDArray[np.float64]
    """Actions as the model is told them, (E, T, A)."""
    possible: NDArray[np.bool_]
    """In which clips the event could happen, (E,)."""
    end: NDArray[np.int64]
    """Env step at which each clip ends, (E,)."""


Splice = Callable[[Lawful, float, np.random.Generator], Spliced]
Told = Callable[[NDArray[np.float64], float], NDArray[np.float64]]
"""Actions as taken (E, T, A) and a magnitude to actions as told."""


def splice_of(violation: Violation) -> Splice | None:
    """How a violation is made of recorded episodes; None where it needs a simulator."""
    if violation.name in SPLICES:
        return SPLICES[violation.name]
    if violation.kind == "physical":
        return None

    def as_shown(lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Spliced:
        shown, possible = violation.happen(lawful, magnitude, rng)
        return Spliced(shown, lawful.actions, possible, _whole(lawful))

    return as_shown


# --- the film goes on elsewhere -----------------------------------------------------------------


def _teleport(lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Spliced:
    """The film goes on where some clip was at such a distance, with what was done there."""
    last, far = lawful.actions.shape[1], in_units(lawful.world, magnitude) or magnitude
    times = np.arange(max(last - FRAMES_AFTER * lawful.block_size, 0))
    _, clips = np.unique(lawful.states[:, 0], axis=0, return_index=True)  # each episode once
    places = lawful.states[clips][:, times].reshape(-1, lawful.states.shape[-1])  # (P, S)
    chosen = np.zeros(len(lawful.begin), dtype=np.int64)
    possible = np.zeros(len(chosen), dtype=bool)
    for row, here in enumerate(lawful.here):
        away = lawful.world.distance(np.tile(here, (len(places), 1)), places)
        fit = np.flatnonzero(np.abs(away - far) <= _NEAR * far)
        if len(fit):
            chosen[row], possible[row] = rng.choice(fit), True
    source, time = np.divmod(chosen, max(len(times), 1))
    return _go_on(lawful, lawful.begin, clips[source], time, possible)


def _rewind(lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Spliced:
    """The film runs back for so many env steps, and forward again from there."""
    back = round(magnitude)
    possible = lawful.begin >= back
    every = np.arange(len(lawful.begin))
    resumed = _go_on(lawful, lawful.begin + back, every, lawful.begin - back, possible)
    for since in range(1, back + 1):
        rows = np.flatnonzero(possible & (lawful.begin + since < lawful.states.shape[1]))
        at = lawful.begin[rows]
        resumed.shown[rows, at + since] = lawful.states[rows, at - since]
    return resumed


def _skip(lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Spliced:
    """The film goes on so many frames later; the block on the way is told as it was."""
    every, block = np.arange(len(lawful.begin)), lawful.block_size
    ahead = round(magnitude) * block
    jumped = _go_on(lawful, lawful.begin, every, lawful.begin + ahead, every >= 0)
    for step in range(block):
        jumped.told[every, lawful.begin + step] = lawful.actions[every, lawful.begin + step]
    return jumped


def _go_on(
    lawful: Lawful,
    cut: NDArray[np.int64],
    source: NDArray[np.int64],
    start: NDArray[np.int64],
    possible: NDArray[np.bool_],
) -> Spliced:
    """From the env step `cut` on, clip `source` from its env step `start` on."""
    shown, told = lawful.states.copy(), lawful.actions.copy()
    last = told.shape[1]
    end = np.where(possible, cut + last - start, last)
    for row in np.flatnonzero(possible):
        length = min(last - int(cut[row]), last - int(start[row]))
        if length <= 0:
            continue
        here, there = int(cut[row]), int(start[row])
        shown[row, here + 1 : here + length + 1] = lawful.states[
            source[row], there + 1 : there + length + 1
        ]
        told[row, here : here + length] = lawful.actions[source[row], there : there + length]
    is_seen = np.minimum(end, last) > lawful.begin
    return Spliced(shown, told, possible & is_seen, np.minimum(end, last))


def _whole(lawful: Lawful) -> NDArray[np.int64]:
    return np.full(len(lawful.begin), lawful.actions.shape[1])


# --- other actions are told than were taken -----------------------------------------------------


def _told_otherwise(told: Told, *, is_lasting: bool = False) -> Splice:
    def splice(lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Spliced:
        last = lawful.actions.shape[1]
        since = np.arange(last)[None, :] - lawful.begin[:, None]  # (E, T)
        under_way = (since >= 0) & (is_lasting | (since < round(magnitude)))
        other = told(lawful.actions, magnitude)
        # A command that nobody ever gave would be an event of its own.
        farthest = np.abs(lawful.actions).max(axis=(0, 1)) * (1 + 1e-6)
        possible = ((np.abs(other) <= farthest).all(axis=-1) | ~under_way).all(axis=1)
        actions = np.where(under_way[..., None], other, lawful.actions)
        return Spliced(lawful.states, actions, possible, _whole(lawful))

    return splice


def _swapped(actions: NDArray[np.float64], magnitude: float) -> NDArray[np.float64]:
    width = actions.shape[-1]
    return actions[..., [1, 0, *range(2, width)]] if width > 1 else actions


def _mirrored(actions: NDArray[np.float64], magnitude: float) -> NDArray[np.float64]:
    return np.concatenate([-actions[..., :1], actions[..., 1:]], axis=-1)


def _rotated(actions: NDArray[np.float64], magnitude: float) -> NDArray[np.float64]:
    """What was done is what was told, turned by the angle: so it is turned back."""
    if actions.shape[-1] < 2:
        return actions
    angle = np.deg2rad(-magnitude)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.concatenate([actions[..., :2] @ turn, actions[..., 2:]], axis=-1)


def _delay(lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Spliced:
    """What was done is what was told so many env steps before: the actions are told too early."""
    late, last = round(magnitude), lawful.actions.shape[1]
    since = np.arange(last)[None, :] - lawful.begin[:, None]
    early = np.concatenate([lawful.actions[:, late:], np.zeros_like(lawful.actions[:, :late])], 1)
    told = np.where((since >= 0)[..., None], early, lawful.actions)
    end = np.full(len(lawful.begin), last - late)
    return Spliced(lawful.states, told, end > lawful.begin, end)


SPLICES: Mapping[str, Splice] = {
    "teleport": _teleport,
    "rewind": _rewind,
    "frame_skip": _skip,
    "velocity_reversal": _told_otherwise(lambda actions, magnitude: -actions),
    "action_swap": _told_otherwise(_swapped),
    "mirrored_motion": _told_otherwise(_mirrored),
    "rotated_motion": _told_otherwise(_rotated, is_lasting=True),
    "overspeed": _told_otherwise(lambda actions, magnitude: actions / magnitude, is_lasting=True),
    "slow_motion": _told_otherwise(lambda actions, magnitude: actions * magnitude, is_lasting=True),
    "action_delay": _delay,
}
"""Classes that are made of recorded episodes in a way of their own."""
NEED_TRUE_STATES = ("teleport",)
"""Classes whose magnitude is a true distance."""
