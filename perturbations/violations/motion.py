"""How things move in a world that is only known as a function of its state.

Shapes in this module:
    E  clips     T  env steps     S  state width     A  action width     n  some of the clips

The place of what moves is in the columns `position_columns` of a state (0 and 1 unless the world
says otherwise); lengths are in the world's own units, of which `units_per_px` make a pixel of a
picture 224 wide.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from perturbations.protocols import Actions, States, World

Alter = Callable[["States", "Actions", int, NDArray[np.int64]], "States"]
"""(states (n, S), actions (n, A), env steps since the event, which clips (n,)) to next states."""
_NUM_ANGLES = 32
_NUM_PROBES = 16
_BEYOND = 1.5
"""A wall has another side if a free place follows within so many times the way into it."""
_NUM_PLACES = 120


@dataclass(frozen=True)
class Lawful:
    """What happens lawfully, and where an event is to begin."""

    world: "World"
    states: NDArray[np.float64]
    """(E, T+1, S)."""
    actions: NDArray[np.float64]
    """(E, T, A)."""
    begin: NDArray[np.int64]
    """Env step at which the event begins, (E,)."""
    block_size: int
    """Env steps from one frame to the next."""

    @property
    def here(self) -> NDArray[np.float64]:
        """States at the beginning of the event, (E, S)."""
        return self.states[np.arange(len(self.states)), self.begin]


def replay(
    lawful: Lawful,
    *,
    start: NDArray[np.float64] | None = None,
    alter: Alter | None = None,
    num_env_steps: int | NDArray[np.int64] = 0,
) -> NDArray[np.float64]:
    """Run the clips again from their event on.

    Args:
        lawful: the clips.
        start: states from which to go on, (E, S); as they are if not given.
        alter: what happens instead of a lawful step.
        num_env_steps: for how many env steps it does, one number or one per clip.

    Returns:
        states (E, T+1, S), lawful up to and including the beginning of the event.
    """
    begin, last = lawful.begin, lawful.actions.shape[1]
    duration = np.broadcast_to(num_env_steps, begin.shape)
    shown = lawful.states.copy()
    now = (lawful.here if start is None else start).copy()
    for since in range(last - int(begin.min())):
        rows = np.flatnonzero(begin + since < last)
        by_law = rows if alter is None else rows[since >= duration[rows]]
        if len(by_law):
            actions = lawful.actions[by_law, begin[by_law] + since]
            now[by_law] = lawful.world.step(now[by_law], actions)
        if alter is not None and len(altered := rows[since < duration[rows]]):
            actions = lawful.actions[altered, begin[altered] + since]
            now[altered] = alter(now[altered], actions, since, altered)
        shown[rows, begin[rows] + since + 1] = now[rows]
    return shown


def columns(world: "World") -> list[int]:
    """Columns of a state that hold the place of what moves."""
    return list(getattr(world, "position_columns", (0, 1)))


def in_units(world: "World", length_px: float) -> float | None:
    """A length in px in the world's own units; none where it knows no pixels, or no plane."""
    units: float | None = getattr(world, "units_per_px", 1.0)
    return None if units is None or len(columns(world)) != 2 else length_px * units


def parting(world: "World", states: "States", others: "States") -> NDArray[np.float64]:
    """How far what moves is apart in two states each, (n,), in the world's own units."""
    apart = getattr(world, "parting", world.distance)
    return np.asarray(apart(states, others))


def is_free(world: "World", states: "States") -> NDArray[np.bool_]:
    """Whether what moves can be where each state has it, (n,).

    The world says so, or doing nothing leaves the state as it is.
    """
    if hasattr(world, "is_free"):
        return np.asarray(world.is_free(states))
    still = np.zeros((len(states), world.action_width))
    return np.asarray(np.isclose(world.step(states, still), states, atol=1e-6).all(axis=1))


def moved(world: "World", states: "States", by: NDArray[np.float64]) -> NDArray[np.float64]:
    """States (n, S) with their places moved by (n, P)."""
    after = states.copy()
    after[:, columns(world)] += by
    return after


def free_place_at(
    world: "World", states: "States", distance: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """A free place at a distance from each state, in a random direction.

    Returns:
        states (n, S), and where there was one, (n,).
    """
    num = len(states)
    angles = rng.uniform(0, 2 * np.pi, (num, _NUM_ANGLES))
    steps = distance * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    tried = moved(world, np.repeat(states, _NUM_ANGLES, axis=0), steps.reshape(-1, 2))
    free = is_free(world, tried).reshape(num, _NUM_ANGLES)
    first = free.argmax(axis=1)
    places = tried.reshape(num, _NUM_ANGLES, -1)[np.arange(num), first]
    found = np.asarray(free.any(axis=1))
    return np.where(found[:, None], places, states), found


def intended_velocity(lawful: Lawful, rng: np.random.Generator) -> NDArray[np.float64]:
    """Mean motion per env step that the block after the event asks for, nothing in the way, (E, 2).

    What an action does where nothing is in the way is the median over random states.
    """
    world = lawful.world
    probes = world.sample_states(rng, _NUM_PROBES)
    place = columns(world)
    steps = []
    for since in range(lawful.block_size):
        actions = lawful.actions[np.arange(len(lawful.begin)), lawful.begin + since]
        start = np.tile(probes, (len(actions), 1))
        after = world.step(start, np.repeat(actions, _NUM_PROBES, axis=0))
        by = (after - start)[:, place].reshape(len(actions), _NUM_PROBES, len(place))
        steps.append(np.median(by, axis=1))
    return np.asarray(np.mean(steps, axis=0))


@dataclass(frozen=True)
class StraightPath:
    """A straight course from each state, at a constant speed, heedless of walls."""

    world: "World"
    start: NDArray[np.float64]
    """(E, S)."""
    velocity: NDArray[np.float64]
    """Per env step, (E, 2)."""
    length: float

    @property
    def speed(self) -> NDArray[np.float64]:
        """Length per env step, (E,); never quite zero."""
        return np.asarray(np.maximum(np.linalg.norm(self.velocity, axis=1), 1e-9))

    @property
    def num_env_steps(self) -> NDArray[np.int64]:
        """Env steps that the whole path takes, (E,)."""
        return np.asarray(np.ceil(np.minimum(self.length / self.speed, 1e6)).astype(np.int64))

    def at(self, traveled: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """States of some clips after a length of path each, (n, S)."""
        by = self.velocity[rows] / self.speed[rows, None] * traveled[:, None]
        return moved(self.world, self.start[rows], by)

    def follow(
        self, states: "States", actions: "Actions", since: int, rows: NDArray[np.int64]
    ) -> "States":
        """As `Alter`: one env step further on the path."""
        return self.at(np.minimum((since + 1) * self.speed[rows], self.length), rows)

    def crosses_a_wall(self) -> NDArray[np.bool_]:
        """Whether something is in the way, with a free place behind it, (E,).

        The border of the world has nothing behind it.
        """
        every = np.arange(len(self.start))
        far = _BEYOND * self.length
        ways = np.linspace(far / _NUM_PLACES, far, _NUM_PLACES)
        free = np.stack(
            [is_free(self.world, self.at(np.full(len(every), way), every)) for way in ways], axis=1
        )
        blocked_first = (~free & (ways <= self.length)).argmax(axis=1)
        is_blocked = (~free & (ways <= self.length)).any(axis=1)
        behind = free & (ways >= self.length) & (np.arange(_NUM_PLACES) > blocked_first[:, None])
        return np.asarray(is_blocked & behind.any(axis=1))
