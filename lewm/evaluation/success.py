"""When a case counts as solved: the world's own rule, and the rules of the audited protocols.

Shapes in this module:
    N  states    S  state width

Source: moderate and strict of CLEAR-LeWM 0.5 (facts/systems.md 3.2; EVALUATION_SPEC.md of
DavidSunok/CLEAR-LeWM, MIT), restated. It documents PushT, Cube, Reacher and TwoRoom. For any other
world we chose: moderate is the world's own rule, strict asks the same for five env steps in a row.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Test = Callable[[Array, Array], NDArray[np.bool_]]
"""States (N, S) and goals (N, S) in, (N,) out."""

Level = Literal["own", "moderate", "strict"]

_UNDOCUMENTED_HOLD_ENV_STEPS = 5
_REACHER_LINK_M = 0.12  # both links of dm_control's reacher


@dataclass(frozen=True)
class SuccessRule:
    """What must hold, and for how many env steps in a row."""

    name: str
    met: Test
    hold_env_steps: int = 1
    is_own: bool = False
    """Whether it is the world's own rule, which the world may judge within a step."""
    is_documented: bool = True
    """Whether the source documents it for this world; if not, we chose it."""


def rule_of(world: Any, level: Level = "own") -> SuccessRule:
    """The rule that a protocol applies in a world."""
    own = SuccessRule(world.success_rule, world.solved, is_own=True)
    if level == "own":
        return own
    task = world.name.removeprefix("swm/")
    audited = {**_AUDITED, "cube": _cube_rules(world)} if task == "cube" else _AUDITED
    if task in audited:
        return audited[task][level == "strict"]
    if level == "moderate":
        return replace(own, is_documented=False)
    hold = _UNDOCUMENTED_HOLD_ENV_STEPS
    name = f"{own.name}-hold{hold}"
    return SuccessRule(name, world.solved, hold_env_steps=hold, is_documented=False)


def _within(width: int, distance: float) -> Test:
    """Closer than `distance` in the first `width` numbers of a state."""
    return lambda states, goals: _length((states - goals)[:, :width]) < distance


def _pusht(columns: slice, distance_px: float, degrees: float) -> Test:
    """A state begins with x and y of agent and block and the block's angle in radians."""

    def met(states: Array, goals: Array) -> NDArray[np.bool_]:
        apart = states - goals
        near = _length(apart[:, columns]) < distance_px
        return np.asarray(near & (np.abs(_turn(apart[:, 4])) < np.radians(degrees)))

    return met


def _reacher_joints(states: Array, goals: Array) -> NDArray[np.bool_]:
    """Both joints within 0.05 rad; the shoulder turns without end, the wrist does not."""
    apart = (states - goals)[:, :2]
    worst = np.maximum(np.abs(_turn(apart[:, 0])), np.abs(apart[:, 1]))
    return np.asarray(worst < 0.05)


def _reacher_fingertip(states: Array, goals: Array) -> NDArray[np.bool_]:
    """The fingertip within 10 mm of where the goal's joints put it."""
    return np.asarray(_length(_fingertip(states) - _fingertip(goals)) <= 0.01)


def _fingertip(states: Array) -> Array:
    """Where the links of a reacher end, (N, 2), in metres."""
    first, second = states[:, 0], states[:, 0] + states[:, 1]
    ends = [np.cos(first) + np.cos(second), np.sin(first) + np.sin(second)]
    return np.asarray(_REACHER_LINK_M * np.stack(ends, axis=-1))


def _cube_rules(world: Any) -> tuple[SuccessRule, SuccessRule]:
    """A state holds the cube's x, y, z, w, x, y, z from `position_columns` on."""
    first = world.position_columns[0]
    place, pose = slice(first, first + 3), slice(first + 3, first + 7)

    def near(metres: float) -> Test:
        return lambda states, goals: _length((states - goals)[:, place]) <= metres

    def placed(states: Array, goals: Array) -> NDArray[np.bool_]:
        turned = _cube_turn(states[:, pose], goals[:, pose])
        return np.asarray(near(0.03)(states, goals) & (turned <= np.radians(15.0)))

    return SuccessRule("cube/40mm", near(0.04)), SuccessRule("cube/30mm-15deg-hold3", placed, 3)


def _cube_turn(poses: Array, goals: Array) -> Array:
    """Smallest angle between orientations (N, 4), up to the 24 turns that map a cube to itself.

    Those have components (1), (1, 1) / sqrt(2) or (1, 1, 1, 1) / 2 in any order and sign, so the
    best of them is found from the sorted components of the turn between the two.
    """
    w, v = poses[:, :1], poses[:, 1:]
    goal_w, goal_v = goals[:, :1], goals[:, 1:]
    real = w * goal_w + (v * goal_v).sum(axis=-1, keepdims=True)
    imaginary = w * goal_v - goal_w * v - np.cross(v, goal_v)
    turn = np.abs(np.concatenate([real, imaginary], axis=-1))
    turn /= np.maximum(_length(turn), 1e-12)[:, None]
    parts = -np.sort(-turn, axis=-1)
    best = np.max(
        [parts[:, 0], parts[:, :2].sum(axis=-1) / np.sqrt(2), parts.sum(axis=-1) / 2], axis=0
    )
    return np.asarray(2 * np.arccos(np.minimum(best, 1.0)))


def _turn(angle: Array) -> Array:
    """The same angle in [-pi, pi)."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


def _length(vectors: Array) -> Array:
    return np.asarray(np.sqrt(np.square(vectors).sum(axis=-1)))


_AUDITED: dict[str, tuple[SuccessRule, SuccessRule]] = {
    "two-room": (
        SuccessRule("two-room/16px", _within(2, 16.0)),
        SuccessRule("two-room/8px", _within(2, 8.0)),
    ),
    "pusht": (
        SuccessRule("pusht/20px-20deg", _pusht(slice(0, 4), 20.0, 20.0)),
        SuccessRule("pusht/block-10px-10deg-hold3", _pusht(slice(2, 4), 10.0, 10.0), 3),
    ),
    "reacher": (
        SuccessRule("reacher/0.05rad-periodic-shoulder", _reacher_joints),
        SuccessRule("reacher/fingertip-10mm-hold2", _reacher_fingertip, 2),
    ),
}
"""Moderate and strict by task."""
