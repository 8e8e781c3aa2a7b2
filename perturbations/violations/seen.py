"""Visual and sensor events: the scene is repainted, or the camera sends something else.

Shapes in this module:
    E  clips     T  env steps     S  state width     n  frames     H, W  frame height, width
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perturbations.nuisances import pixels
from perturbations.nuisances.classes import PICTURE_PX
from perturbations.nuisances.classes import find as find_nuisance
from perturbations.nuisances.nuisance import FrameSeeds, factors
from perturbations.violations import motion
from perturbations.violations.motion import Lawful
from perturbations.violations.violation import Kind, Shown, Violation

if TYPE_CHECKING:
    from perturbations.protocols import Frames, States, World

_NUM_ANGLES = 8
_AGENT, _BACKGROUND = "agent.color", "background.color"


class FrozenCamera(Violation):
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


class OtherEpisode(Violation):
    """For some frames the camera sends those of another episode."""

    name, unit = "spliced_episode", "frames"
    kind: Kind = "sensor"

    def happen(self, lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Shown:
        shown, num = lawful.states.copy(), len(lawful.states)
        other = (np.arange(num) + rng.integers(1, max(num, 2))) % num
        last = shown.shape[1] - 1
        for since in range(1, round(magnitude) * lawful.block_size + 1):
            rows = np.flatnonzero(lawful.begin + since <= last)
            times = lawful.begin[rows] + since
            shown[rows, times] = lawful.states[other[rows], times]
        return shown, (lawful.states[other, 0] != lawful.states[:, 0]).any(axis=1)


class FrameSkip(Violation):
    """Frames are lost: the agent is where it was to be some frames later, and goes on so."""

    name, unit = "frame_skip", "frames"
    kind: Kind = "sensor"

    def happen(self, lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Shown:
        later = lawful.begin + round(magnitude) * lawful.block_size
        possible = later < lawful.states.shape[1]
        there = lawful.states[np.arange(len(later)), np.where(possible, later, lawful.begin)]
        return motion.replay(lawful, start=there), possible


class _Seen(Violation):
    """What happens is lawful; what is seen is not."""

    needs_motion = False

    def happen(self, lawful: Lawful, magnitude: float, rng: np.random.Generator) -> Shown:
        can = self.can_be_shown(lawful.world, magnitude)
        return lawful.states, np.full(len(lawful.states), can)


class Repainted(_Seen):
    """A nuisance class comes up in the middle of the clip and stays."""

    def __init__(self, name: str, *, kind: Kind = "visual", nuisance: str = "") -> None:
        self.name = name
        self.kind = kind
        self.nuisance = find_nuisance(nuisance or name)
        self.unit = self.nuisance.unit

    def can_be_shown(self, world: "World", magnitude: float) -> bool:
        return bool(self._ways(world, magnitude))

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
                frames[rows] = self.nuisance.render_amount(world, states[rows], way, magnitude, own)
        return frames

    def _ways(self, world: "World", magnitude: float) -> list[str]:
        nuisance = self.nuisance
        return [
            way
            for way in nuisance.directions(world)
            if nuisance.amount(world, way, 1.0) >= magnitude
        ]


class Flicker(_Seen):
    """Every other frame is darker, beginning with the first: light is lost by a share."""

    name, unit = "flicker", "share_of_light"
    kind: Kind = "visual"

    def paint(
        self, world: "World", states: "States", magnitude: float, seeds: FrameSeeds, since: int
    ) -> "Frames":
        if since % 2 == 0:
            return world.render(states)
        light = find_nuisance("light.gain")
        return light.render_amount(world, states, "darker", 1.0 - magnitude, seeds)


class Garbled(_Seen):
    """For some frames the camera sends something made of the true frame."""

    unit = "frames"
    kind: Kind = "sensor"

    def __init__(self, name: str, garble: Callable[["Frames"], "Frames"]) -> None:
        self.name = name
        self.garble = garble

    def paint(
        self, world: "World", states: "States", magnitude: float, seeds: FrameSeeds, since: int
    ) -> "Frames":
        frames = world.render(states)
        return np.ascontiguousarray(self.garble(frames)) if since <= magnitude else frames


class Occlusion(_Seen):
    """A grey disc in front of everything, somewhere in the picture; the magnitude is its radius."""

    name, unit = "occlusion", "px"
    kind: Kind = "visual"

    def paint(
        self, world: "World", states: "States", magnitude: float, seeds: FrameSeeds, since: int
    ) -> "Frames":
        frames = world.render(states)
        size = frames.shape[2]
        mask = pixels.discs(size, magnitude * size / PICTURE_PX, seeds.cases)[..., None]
        return pixels.blend(frames, np.full_like(frames, 128), mask)


class _Hidden(_Seen):
    """Needs an agent that can be painted in the colour of the background."""

    kind: Kind = "visual"

    def can_be_shown(self, world: "World", magnitude: float) -> bool:
        knows_pixels = self.unit != "px" or motion.in_units(world, magnitude) is not None
        return knows_pixels and {_AGENT, _BACKGROUND} <= set(factors(world))

    def hidden(self, world: "World", states: "States") -> "Frames":
        """Frames (n, H, W, 3) without the agent."""
        return world.render(states, {_AGENT: factors(world)[_BACKGROUND]})


class Vanish(_Hidden):
    """The agent cannot be seen for some frames."""

    name, unit = "vanish", "frames"

    def paint(
        self, world: "World", states: "States", magnitude: float, seeds: FrameSeeds, since: int
    ) -> "Frames":
        return self.hidden(world, states) if since <= magnitude else world.render(states)


class SecondAgent(_Hidden):
    """Another agent keeps the first company, at a distance."""

    name, unit = "second_agent", "px"

    def paint(
        self, world: "World", states: "States", magnitude: float, seeds: FrameSeeds, since: int
    ) -> "Frames":
        distance = motion.in_units(world, magnitude) or 0.0
        there = _beside(world, states, distance, seeds.cases)
        other = world.render(there)
        is_agent = (other != self.hidden(world, there)).any(axis=-1, keepdims=True)
        return np.where(is_agent, other, world.render(states))


def _beside(
    world: "World", states: "States", distance: float, cases: NDArray[np.int64]
) -> "States":
    """States (n, S) moved by a distance: in the first direction that is free, from one per case."""
    places = states
    open_rows = np.ones(len(states), dtype=bool)
    for turn in range(_NUM_ANGLES):
        angle = 2 * np.pi * ((cases % 997) / 997 + turn / _NUM_ANGLES)
        tried = motion.moved(
            world, states, distance * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        )
        taken = open_rows & motion.is_free(world, tried)
        places = np.where(taken[:, None], tried, places)
        open_rows &= ~taken
    return places


SEEN: tuple[Violation, ...] = (
    Garbled("blackout", np.zeros_like),
    FrozenCamera(),
    OtherEpisode(),
    FrameSkip(),
    Repainted(_AGENT),
    Repainted(_BACKGROUND),
    Repainted("distractor"),
    Repainted("camera.jump", kind="sensor", nuisance="camera.shift"),
    Repainted("blur", kind="sensor"),
    Repainted("noise", kind="sensor"),
    Flicker(),
    Occlusion(),
    Vanish(),
    SecondAgent(),
    Garbled("mirror_image", lambda frames: frames[:, :, ::-1]),
    Garbled("channel_swap", lambda frames: frames[..., ::-1]),
)
"""Every visual and sensor class."""
