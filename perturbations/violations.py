"""Events that cannot happen in the world, each with a magnitude in its unit.

Shapes in this module:
    E  clips     T  env steps     S  state width     n  frames     H, W  frame height, width

An event begins right after a lawful frame; before it, an unlawful clip is its lawful twin.
Physical events change what happens, sensor events what the camera sends, and visual events
repaint the scene for the rest of the clip.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from envelope.errors import EnvelopeError
from envelope.records import Criteria
from perturbations import motion
from perturbations.motion import Alter, Lawful
from perturbations.nuisance import FrameSeeds
from perturbations.nuisances import find as find_nuisance

if TYPE_CHECKING:
    from perturbations.protocols import Frames, States, World

Kind = Literal["physical", "visual", "sensor"]
Shown = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""States (E, T+1, S) as the camera sees them, and in which clips the event could happen, (E,)."""


class Violation(ABC):
    """One class of event."""

    name: str
    kind: Kind
    unit: str
    needs_motion = True
    """Whether a clip counts only if the shown states part far enough from the lawful ones."""
    seeks_walls = False
    """Whether clips start anywhere, rather than where the recorded episodes did."""

    @abstractmethod
    def happen(self, lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Shown:
        """The states that the camera sees when the event happens in every clip."""

    def paint(
        self, world: "World", states: "States", magnitude: float, seeds: FrameSeeds, since: int
    ) -> "Frames":
        """Frames (n, H, W, 3) of shown states (n, S), the `since`-th after the event, from 1."""
        return world.render(states)


class _Altered(Violation):
    """For some env steps the agent does something else than its action says."""

    kind: Kind = "physical"
    unit = "env_steps"

    def __init__(self, name: str, alter: Callable[["World"], Alter]) -> None:
        self.name = name
        self.alter = alter

    def happen(self, lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Shown:
        shown = motion.replay(
            lawful, alter=self.alter(lawful.world), num_env_steps=round(magnitude)
        )
        return shown, np.ones(len(shown), dtype=bool)


class _Teleport(Violation):
    """The agent is on another free place, from where everything goes on."""

    name, unit = "teleport", "px"
    kind: Kind = "physical"

    def happen(self, lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Shown:
        there, found = motion.free_place_at(lawful.world, lawful.here, magnitude, rng)
        return motion.replay(lawful, start=there), found


class _ThroughWall(Violation):
    """The agent goes straight on through a wall as if it were air, for a length of path."""

    name, unit = "through_wall", "px"
    kind: Kind = "physical"
    seeks_walls = True

    def happen(self, lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Shown:
        velocity = motion.intended_velocity(lawful, rng)
        path = motion.StraightPath(lawful.world, lawful.here, velocity, magnitude)
        shown = motion.replay(lawful, alter=path.follow, num_env_steps=path.num_env_steps)
        return shown, path.crosses_a_wall()


class _FrozenCamera(Violation):
    """The camera repeats its last lawful frame while the world goes on."""

    name, unit = "frozen_camera", "frames"
    kind: Kind = "sensor"

    def happen(self, lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Shown:
        shown, here = lawful.states.copy(), lawful.here
        last = shown.shape[1] - 1
        for since in range(1, round(magnitude) * lawful.block_size + 1):
            rows = np.flatnonzero(lawful.begin + since <= last)
            shown[rows, lawful.begin[rows] + since] = here[rows]
        return shown, np.ones(len(shown), dtype=bool)


class _Blackout(Violation):
    """The camera sends black frames."""

    name, unit = "blackout", "frames"
    kind: Kind = "sensor"
    needs_motion = False

    def happen(self, lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Shown:
        return lawful.states, np.ones(len(lawful.states), dtype=bool)

    def paint(
        self, world: "World", states: "States", magnitude: float, seeds: FrameSeeds, since: int
    ) -> "Frames":
        frames = world.render(states)
        return np.zeros_like(frames) if since <= magnitude else frames


class _Repainted(Violation):
    """A nuisance class comes up in the middle of the clip and stays."""

    kind: Kind = "visual"
    needs_motion = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.unit = find_nuisance(name).unit

    def happen(self, lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Shown:
        can = bool(self._ways(lawful.world, magnitude))
        return lawful.states, np.full(len(lawful.states), can)

    def paint(
        self, world: "World", states: "States", magnitude: float, seeds: FrameSeeds, since: int
    ) -> "Frames":
        """As in `Violation`; each clip keeps one of the directions that reach the magnitude."""
        ways = self._ways(world, magnitude)
        chosen = seeds.cases % len(ways)
        frames = world.render(states)
        for index, way in enumerate(ways):
            rows = np.flatnonzero(chosen == index)
            if len(rows):
                own = FrameSeeds(seeds.cases[rows], seeds.times[rows])
                frames[rows] = find_nuisance(self.name).render_amount(
                    world, states[rows], way, magnitude, own
                )
        return frames

    def _ways(self, world: "World", magnitude: float) -> list[str]:
        nuisance = find_nuisance(self.name)
        return [
            way
            for way in nuisance.directions(world)
            if nuisance.amount(world, way, 1.0) >= magnitude
        ]


def _freeze(world: "World") -> Alter:
    return lambda states, actions, since, rows: states


def _reverse(world: "World") -> Alter:
    return lambda states, actions, since, rows: world.step(states, -actions)


def _swap(world: "World") -> Alter:
    order = [1, 0, *range(2, world.action_width)]
    return lambda states, actions, since, rows: world.step(states, actions[:, order])


VIOLATIONS: Mapping[str, Violation] = {
    violation.name: violation
    for violation in (
        _Teleport(),
        _ThroughWall(),
        _Altered("freeze", _freeze),
        _Altered("velocity_reversal", _reverse),
        _Altered("action_swap", _swap),
        _Blackout(),
        _FrozenCamera(),
        _Repainted("agent.color"),
        _Repainted("background.color"),
        _Repainted("distractor"),
    )
}
"""Every class by its name."""


def find(name: str) -> Violation:
    """The class of that name.

    Raises:
        EnvelopeError: there is none.
    """
    if name not in VIOLATIONS:
        raise EnvelopeError(
            f"no violation is called {name!r}; there are {', '.join(VIOLATIONS)}",
            next_step="correct the name in the criteria",
        )
    return VIOLATIONS[name]


def check_criteria(criteria: Criteria) -> None:
    """Refuse criteria whose classes or units do not exist here.

    Raises:
        EnvelopeError: an unknown nuisance or violation, or another unit than the class has.
    """
    for name in criteria.nuisances:
        find_nuisance(name)
    for name, criterion in criteria.violations.items():
        violation = find(name)
        if criterion.unit != violation.unit:
            raise EnvelopeError(
                f"the criteria give {name} in {criterion.unit}, it is measured in {violation.unit}",
                next_step=f"give its magnitudes in {violation.unit}",
            )
