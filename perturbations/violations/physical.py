"""Physical events: what happens is not what the actions and the laws of the world bring about.

Shapes in this module:
    E  clips     T  env steps     S  state width     A  action width     n  some of the clips

Where a unit is a duration, the law holds again afterwards; otherwise it is broken until the clip
ends, and the magnitude says by how much.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perturbations.violations import motion
from perturbations.violations.motion import Alter, Lawful
from perturbations.violations.violation import Kind, Shown, Violation

if TYPE_CHECKING:
    from perturbations.protocols import Actions, States, World

_DURATION = "env_steps"
_LENGTHS = ("px", "px_per_env_step")

_NEED_TWO = ("action_swap", "rotated_motion")

MakeAlter = Callable[[Lawful, float, np.random.Generator], Alter]


class Altered(Violation):
    """The agent does something else than its action says: for a while, or from now on."""

    kind: Kind = "physical"

    def __init__(self, name: str, unit: str, alter: MakeAlter, *, is_lasting: bool = False) -> None:
        self.name = name
        self.unit = unit
        self.alter = alter
        self.is_lasting = is_lasting

    def can_be_shown(self, world: "World", magnitude: float) -> bool:
        """Lengths need a world that knows pixels, a turn one with two numbers to an action."""
        if self.unit in _LENGTHS and motion.in_units(world, magnitude) is None:
            return False
        return world.action_width > 1 or self.name not in _NEED_TWO

    def happen(self, lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Shown:
        size = motion.in_units(lawful.world, magnitude) if self.unit in _LENGTHS else magnitude
        shown = motion.replay(
            lawful,
            alter=self.alter(lawful, size or 0.0, rng),
            num_env_steps=lawful.actions.shape[1] if self.is_lasting else round(magnitude),
        )
        return shown, np.ones(len(shown), dtype=bool)


class Teleport(Violation):
    """The agent is on another free place, from where everything goes on."""

    name, unit = "teleport", "px"
    kind: Kind = "physical"

    def can_be_shown(self, world: "World", magnitude: float) -> bool:
        """Lengths need a world that knows pixels."""
        return motion.in_units(world, magnitude) is not None

    def happen(self, lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Shown:
        distance = motion.in_units(lawful.world, magnitude) or 0.0
        there, found = motion.free_place_at(lawful.world, lawful.here, distance, rng)
        return motion.replay(lawful, start=there), found


class ThroughWall(Violation):
    """The agent goes straight on through a wall as if it were air, for a length of path."""

    name, unit = "through_wall", "px"
    kind: Kind = "physical"
    seeks_walls = True

    def can_be_shown(self, world: "World", magnitude: float) -> bool:
        """Needs walls, unless told that there are none, and pixels."""
        return getattr(world, "has_walls", True) and motion.in_units(world, magnitude) is not None

    def happen(self, lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Shown:
        velocity = motion.intended_velocity(lawful, rng)
        length = motion.in_units(lawful.world, magnitude) or 0.0
        path = motion.StraightPath(lawful.world, lawful.here, velocity, length)
        shown = motion.replay(lawful, alter=path.follow, num_env_steps=path.num_env_steps)
        return shown, path.crosses_a_wall()


# --- instead of a lawful env step ---------------------------------------------------------------


def _freeze(lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Alter:
    return lambda states, actions, since, rows: states


def _reverse(lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Alter:
    return lambda states, actions, since, rows: lawful.world.step(states, -actions)


def _swap(lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Alter:
    order = [1, 0, *range(2, lawful.world.action_width)]
    return lambda states, actions, since, rows: lawful.world.step(states, actions[:, order])


def _mirror(lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Alter:
    signs = np.array([-1.0] + [1.0] * (lawful.world.action_width - 1))
    return lambda states, actions, since, rows: lawful.world.step(states, actions * signs)


def _rotate(lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Alter:
    """The first two numbers of every action turn by an angle."""
    angle = np.deg2rad(magnitude)
    turn = np.eye(lawful.world.action_width)
    turn[:2, :2] = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    return lambda states, actions, since, rows: lawful.world.step(states, actions @ turn)


def _stick(lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Alter:
    """The last action before the event is carried out again and again."""
    last = _actions_at(lawful, lawful.begin - 1)
    return lambda states, actions, since, rows: lawful.world.step(states, last[rows])


def _delay(lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Alter:
    """Every action is carried out so many env steps too late."""

    def alter(
        states: "States", actions: "Actions", since: int, rows: NDArray[np.int64]
    ) -> "States":
        late = _actions_at(lawful, lawful.begin + since - round(magnitude))
        return lawful.world.step(states, late[rows])

    return alter


def _rewind(lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Alter:
    """The way is gone back, state by state."""
    clips = np.arange(len(lawful.begin))

    def alter(
        states: "States", actions: "Actions", since: int, rows: NDArray[np.int64]
    ) -> "States":
        before = np.maximum(lawful.begin - since - 1, 0)
        return np.asarray(lawful.states[clips, before][rows])

    return alter


def _overspeed(lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Alter:
    """Every action takes the agent so many times as far."""
    whole, rest = divmod(magnitude, 1.0)

    def alter(
        states: "States", actions: "Actions", since: int, rows: NDArray[np.int64]
    ) -> "States":
        taken = _as_carried_out(lawful.world, actions)
        for share in [1.0] * int(whole) + [rest] * (rest > 0):
            states = lawful.world.step(states, share * taken)
        return states

    return alter


def _slow_motion(lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Alter:
    """Every action takes the agent only one so-many-th as far."""
    world = lawful.world
    return lambda states, actions, since, rows: world.step(
        states, _as_carried_out(world, actions) / magnitude
    )


def _drift(lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Alter:
    """A steady wind, from one direction per clip."""
    angle = rng.uniform(0, 2 * np.pi, len(lawful.begin))
    wind = magnitude * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return lambda states, actions, since, rows: _pushed(lawful.world, states, actions, wind[rows])


def _jitter(lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Alter:
    """A push in a random direction at every env step, as far as the magnitude."""
    angle = rng.uniform(0, 2 * np.pi, (lawful.actions.shape[1], len(lawful.begin)))
    pushes = magnitude * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return lambda states, actions, since, rows: _pushed(
        lawful.world, states, actions, pushes[since][rows]
    )


def _pushed(
    world: "World", states: "States", actions: "Actions", by: NDArray[np.float64]
) -> "States":
    """A lawful step and then a push, where the place it leads to is free."""
    lawful = world.step(states, actions)
    pushed = motion.moved(world, lawful, by)
    return np.where(motion.is_free(world, pushed)[:, None], pushed, lawful)


def _actions_at(lawful: Lawful, when: NDArray[np.int64]) -> "Actions":
    """Actions (E, A) at an env step of each clip; none were taken before its beginning."""
    last = lawful.actions.shape[1] - 1
    taken = lawful.actions[np.arange(len(when)), np.clip(when, 0, last)]
    return np.where((when >= 0)[:, None], taken, 0.0)


def _as_carried_out(world: "World", actions: "Actions") -> "Actions":
    limits = getattr(world, "action_range", (-1.0, 1.0))
    return np.asarray(np.clip(actions, *limits))


PHYSICAL: tuple[Violation, ...] = (
    Teleport(),
    ThroughWall(),
    Altered("freeze", _DURATION, _freeze),
    Altered("velocity_reversal", _DURATION, _reverse),
    Altered("action_swap", _DURATION, _swap),
    Altered("mirrored_motion", _DURATION, _mirror),
    Altered("stuck_action", _DURATION, _stick),
    Altered("rewind", _DURATION, _rewind),
    Altered("action_delay", _DURATION, _delay, is_lasting=True),
    Altered("rotated_motion", "degrees", _rotate, is_lasting=True),
    Altered("overspeed", "times", _overspeed, is_lasting=True),
    Altered("slow_motion", "times", _slow_motion, is_lasting=True),
    Altered("drift", "px_per_env_step", _drift, is_lasting=True),
    Altered("jitter", "px_per_env_step", _jitter, is_lasting=True),
)
"""Every physical class."""
