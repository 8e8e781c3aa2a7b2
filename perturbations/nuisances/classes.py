"""What can be changed about the picture without changing the task: eight classes.

Shapes in this module:
    N  frames          H, W  frame height, width          S  state width

A strength in [0, 1] maps to an amount in the unit of the class. A length in px counts pixels of
a picture 224 wide, whatever size is rendered. A world that has a factor of variation called like
the class draws it itself; otherwise the class works on pixels. Strength 0 is the clean frame.

Directions say which way: a colour to move to, darker or brighter, where the picture moves to.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from envelope.errors import EnvelopeError
from envelope.records import Criteria
from perturbations.nuisances import color, pixels
from perturbations.nuisances.color_ways import TARGETS, is_open
from perturbations.nuisances.factor_classes import EVERY, PREFIX, FactorClass, appearance
from perturbations.nuisances.nuisance import FrameSeeds, Nuisance, as_factor, factors, grey_levels

if TYPE_CHECKING:
    from perturbations.protocols import Frames, States, World

PICTURE_PX = 224
"""Width of the picture that lengths are counted in."""
_FLOOR = "floor.color"
"""What agents are seen on where a world has no background; one colour or several."""


class _Color(Nuisance):
    """A flat colour moves through Lab, in a straight line, towards a named one."""

    unit = "delta_e"

    def __init__(self, name: str, *, factor: str, beside: str) -> None:
        self.name = name
        self.factor = factor
        self.beside = beside

    def directions(self, world: "World") -> tuple[str, ...]:
        values = factors(world)
        if self.factor not in values:
            return ()
        start = color.to_lab(grey_levels(world, self.factor)[0])
        beside = self.beside if self.beside in values else _FLOOR
        others = color.to_lab(grey_levels(world, beside)) if beside in values else [None]
        return tuple(
            name
            for name, target in TARGETS.items()
            if all(is_open(start, color.to_lab(np.array(target)), other) for other in others)
        )

    def amount(self, world: "World", direction: str, strength: float) -> float:
        start = grey_levels(world, self.factor)[0]
        return strength * float(color.delta_e(start, TARGETS[direction]))

    def native_value(self, world: "World", direction: str, amount: float) -> NDArray[Any]:
        share = amount / self.amount(world, direction, 1.0)
        moved = color.between(grey_levels(world, self.factor)[0], TARGETS[direction], share)
        return as_factor(world, self.factor, moved)

    def change(
        self, world: "World", states: "States", direction: str, amount: float, seeds: FrameSeeds
    ) -> "Frames":
        raise AssertionError("a colour is always the world's own factor")


class _Gradient(_Color):
    """The background goes over from its own colour on the left to another on the right."""

    def change(
        self, world: "World", states: "States", direction: str, amount: float, seeds: FrameSeeds
    ) -> "Frames":
        clean = world.render(states)
        end = self.native_value(world, direction, amount)
        weights = np.linspace(0, 1, clean.shape[2], dtype=np.float32)[None, None, :, None]
        return pixels.blend(clean, world.render(states, {self.factor: end}), weights)


class _Light(Nuisance):
    """Linear light times a gain; what leaves the range of the camera is cut."""

    name, unit, nominal = "light.gain", "gain", 1.0

    def directions(self, world: "World") -> tuple[str, ...]:
        return ("darker", "brighter")

    def amount(self, world: "World", direction: str, strength: float) -> float:
        return 1.0 - 0.8 * strength if direction == "darker" else 1.0 + strength

    def native_value(self, world: "World", direction: str, amount: float) -> float:
        return amount

    def change(
        self, world: "World", states: "States", direction: str, amount: float, seeds: FrameSeeds
    ) -> "Frames":
        return pixels.gain(world.render(states), amount)


class _OneWay(Nuisance):
    """A nuisance with one direction, whose amount grows from 0 in proportion to its strength."""

    way: ClassVar[str]
    most: ClassVar[float]
    """Amount at strength 1."""

    def directions(self, world: "World") -> tuple[str, ...]:
        return (self.way,)

    def amount(self, world: "World", direction: str, strength: float) -> float:
        return self.most * strength

    def native_value(self, world: "World", direction: str, amount: float) -> float:
        return amount


class _Distractor(_OneWay):
    """A disc behind agent and walls, anywhere in the picture, still over an episode."""

    name, unit = "distractor", "px"
    way, most = "anywhere", 32.0

    def change(
        self, world: "World", states: "States", direction: str, amount: float, seeds: FrameSeeds
    ) -> "Frames":
        clean = world.render(states)
        size = clean.shape[1]
        mask = pixels.discs(size, amount * size / PICTURE_PX, seeds.cases)[..., None]
        paint = np.array(_stand_out(world), dtype=np.uint8)
        if "background.color" in factors(world):
            # Repainting the background alone leaves agent and walls in front of the disc.
            wall = as_factor(world, "background.color", paint)
            return pixels.blend(clean, world.render(states, {"background.color": wall}), mask)
        return pixels.blend(clean, np.broadcast_to(paint, clean.shape), mask)


class _Blur(_OneWay):
    """Gaussian blur; its radius is the standard deviation."""

    name, unit = "blur", "px"
    way, most = "isotropic", 12.0

    def change(
        self, world: "World", states: "States", direction: str, amount: float, seeds: FrameSeeds
    ) -> "Frames":
        clean = world.render(states)
        return pixels.blur(clean, amount * clean.shape[1] / PICTURE_PX)


class _Noise(_OneWay):
    """Independent Gaussian noise on every grey level, fresh in every frame."""

    name, unit = "noise", "std"
    way, most = "white", 64.0

    def change(
        self, world: "World", states: "States", direction: str, amount: float, seeds: FrameSeeds
    ) -> "Frames":
        return pixels.noise(world.render(states), amount, seeds.cases, seeds.times)


class _CameraShift(Nuisance):
    """The picture moves by whole pixels; its edge is repeated into the gap."""

    name, unit = "camera.shift", "px"
    _moves: Mapping[str, tuple[int, int]] = {
        "left": (-1, 0),
        "right": (1, 0),
        "up": (0, -1),
        "down": (0, 1),
    }

    def directions(self, world: "World") -> tuple[str, ...]:
        return tuple(self._moves)

    def amount(self, world: "World", direction: str, strength: float) -> float:
        scale = getattr(world, "size_px", PICTURE_PX) / PICTURE_PX
        return round(32.0 * strength * scale) / scale

    def native_value(self, world: "World", direction: str, amount: float) -> tuple[float, float]:
        right, down = self._moves[direction]
        return right * amount, down * amount

    def change(
        self, world: "World", states: "States", direction: str, amount: float, seeds: FrameSeeds
    ) -> "Frames":
        clean = world.render(states)
        reach = round(amount * clean.shape[2] / PICTURE_PX)
        right, down = self._moves[direction]
        return pixels.moved(clean, right * reach, down * reach)


NUISANCES: Mapping[str, Nuisance] = {
    nuisance.name: nuisance
    for nuisance in (
        _Color("background.color", factor="background.color", beside="agent.color"),
        _Gradient("background.gradient", factor="background.color", beside="agent.color"),
        _Color("agent.color", factor="agent.color", beside="background.color"),
        _Light(),
        _Distractor(),
        _Blur(),
        _Noise(),
        _CameraShift(),
    )
}
"""Every class by its name."""


def find(name: str) -> Nuisance:
    """The class of that name; `factor:` before the name of a factor gives the class about it.

    Raises:
        EnvelopeError: there is none.
    """
    if name.startswith(PREFIX):
        return FactorClass(name)
    if name not in NUISANCES:
        raise EnvelopeError(
            f"no nuisance is called {name!r}; there are {', '.join(NUISANCES)}, and factor:NAME",
            next_step="correct the name in the criteria",
        )
    return NUISANCES[name]


def spelt_out(criteria: Criteria, world: "World") -> Criteria:
    """The criteria with one class per appearance factor instead of `factor:*`.

    A factor that another class of the criteria is about is left to that class.
    """
    if EVERY not in criteria.nuisances:
        return criteria
    named = {name: s for name, s in criteria.nuisances.items() if name != EVERY}
    taken = {name.removeprefix(PREFIX) for name in named if name in NUISANCES or PREFIX in name}
    strengths = criteria.nuisances[EVERY]
    for factor in appearance(world):
        if factor not in taken:
            named[f"{PREFIX}{factor}"] = strengths
    return criteria.model_copy(update={"nuisances": named})


def telling(name: str, strengths: Sequence[float], world: "World") -> list[float]:
    """The strengths that change something here, in rising order; of equal ones the weakest.

    Where amounts are whole pixels, or whole numbers of a factor, a strength may round to nominal or
    to what a weaker one comes to already.
    """
    nuisance = find(name)
    ways = nuisance.directions(world)
    seen = {(way, nuisance.nominal) for way in ways}
    found = []
    for strength in sorted(strengths):
        amounts = {(way, nuisance.shift(world, way, strength).amount) for way in ways}
        if not amounts or amounts - seen:
            found.append(strength)
        seen |= amounts
    return found


def _stand_out(world: "World") -> tuple[int, int, int]:
    """The target colour that lies farthest from both agent and background."""
    near = [
        grey_levels(world, name)[0]
        for name in ("agent.color", "background.color")
        if name in factors(world)
    ]
    if not near:
        return TARGETS["to_magenta"]
    return max(TARGETS.values(), key=lambda c: min(float(color.delta_e(c, n)) for n in near))
