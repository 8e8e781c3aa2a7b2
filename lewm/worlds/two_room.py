"""Two rooms, one wall, a door: the smallest world in which a plan can go wrong.

Shapes in this module:
    N  environments, all stepped at once        S  picture size in pixels

A state is the agent's position (x, y) in the coordinates of the 224-pixel picture, whatever
size is rendered. Everything is a pure function of the state: to clone a world, copy an array.

Source: the TwoRoom environment of stable-worldmodel (MIT), as at commit addbab4: geometry,
collision rule, picture and success rule are the same, which
tests/lewm/test_two_room_parity.py measures. Written anew, and different where noted:
float64 and batches; `wall.border_color` paints the border (there it does nothing and
`wall.color` paints both); a door narrower than the agent is allowed, since the collision
rule lets it pass; `agent.position` is the state and `task.min_steps`, unused there, is left out.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lewm.errors import LewmError
from lewm.worlds import two_room_picture as picture
from lewm.worlds.factors import Factor, FactorValue, find

_SOLVED_WITHIN_PX = 16.0
_DOOR_MARGIN_PX = 1.75  # how far beyond a door's edge the agent's centre may still pass
_PUSH_BACK_PX = 0.5  # gap to the wall after touching it
_SMALLEST_PX = 8
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)


def _color(default: tuple[int, int, int]) -> Factor:
    return Factor("appearance", default, 0, 255, "grey levels")


FACTORS: Mapping[str, Factor] = {
    "agent.color": _color((255, 0, 0)),
    "agent.radius": Factor("dynamics", 7.0, 7.0, 14.0, "px"),  # drawn, and kept off walls
    "agent.speed": Factor("dynamics", 5.0, 1.75, 10.5, "px per env step"),
    "background.color": _color(_WHITE),
    "door.color": _color(_WHITE),
    "door.number": Factor("dynamics", 1, 1, 3, "doors"),
    "door.position": Factor("dynamics", (49, 49, 49), 0, 223, "px along the wall"),
    "door.size": Factor("dynamics", (14, 14, 14), 1, 21, "px from middle to edge"),
    "rendering.render_target": Factor("appearance", 0, 0, 1, "(1 draws the target)"),
    "target.color": _color((0, 255, 0)),
    "target.position": Factor("appearance", (164.0, 112.0), 14.0, 209.0, "px"),
    "target.radius": Factor("appearance", 7.0, 7.0, 14.0, "px"),
    "wall.axis": Factor("dynamics", 1, 0, 1, "(0 horizontal, 1 vertical)"),
    "wall.border_color": _color(_BLACK),
    "wall.color": _color(_BLACK),
    "wall.thickness": Factor("dynamics", 10, 7, 41, "px"),
}
"""Every factor by its dotted name. The first `door.number` entries of the door tuples count."""


class TwoRoom:
    """A dot that moves through two rooms; the goal is another position of the dot."""

    name = "two-room"
    action_width = 2
    state_width = 2
    success_rule = "two-room/16px"
    action_range = (-1.0, 1.0)
    """Lowest and highest action, in each component, that is carried out as given."""
    position_columns = (0, 1)
    length_unit = "px"
    """Of the 224-pixel picture, whatever size is rendered."""
    state_columns = ("state",)
    factor_table = FACTORS

    def __init__(
        self, *, size_px: int = 224, factors: Mapping[str, FactorValue] | None = None
    ) -> None:
        """Build the world.

        Args:
            size_px: width and height of its frames, 8 to 224.
            factors: values by dotted name; the others keep their default.

        Raises:
            LewmError: an unknown name, or a size or value outside its range.
        """
        if isinstance(size_px, bool) or not isinstance(size_px, int):
            raise LewmError(
                f"size_px is {size_px!r}, expected a whole number", next_step="give 64 or 224"
            )
        if not _SMALLEST_PX <= size_px <= picture.FULL_SIZE_PX:
            raise LewmError(
                f"size_px is {size_px}, its range is {_SMALLEST_PX} to {picture.FULL_SIZE_PX}",
                next_step="choose a size inside the range",
            )
        self.size_px = size_px
        self.factors: dict[str, FactorValue] = {
            name: factor.default for name, factor in FACTORS.items()
        }
        for name, value in (factors or {}).items():
            self.factors[name] = find(FACTORS, name).checked(name, value)
        self._radius = self._number("agent.radius")
        self._speed = self._number("agent.speed")
        self._geometry = self._read_geometry()

    def with_factors(self, changes: Mapping[str, FactorValue]) -> "TwoRoom":
        """A world with these values changed and all others kept."""
        return TwoRoom(size_px=self.size_px, factors={**self.factors, **changes})

    def scope(self) -> dict[str, Any]:
        """What is set, as plain JSON; only the factors that are off their default."""
        changed = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in self.factors.items()
            if value != FACTORS[name].default
        }
        return {"world": self.name, "size_px": self.size_px, "factors": changed}

    def sample_states(self, rng: np.random.Generator, num: int) -> NDArray[np.float64]:
        """Draw positions evenly from both rooms, clear of walls, border and doorway.

        Returns:
            states (num, 2). Always takes 3 * num draws from `rng`.
        """
        draws = rng.random((num, 3))
        low, high = self._free_range()
        wall_low, wall_high = self.wall_range
        across = self.wall_coordinate
        first_room = low + draws[:, 0] * (wall_low - low)
        second_room = wall_high + draws[:, 0] * (high - wall_high)
        states = np.empty((num, 2))
        states[:, across] = np.where(draws[:, 2] < 0.5, first_room, second_room)
        states[:, 1 - across] = low + draws[:, 1] * (high - low)
        return states

    def step(self, states: ArrayLike, actions: ArrayLike) -> NDArray[np.float64]:
        """Move every agent by one env step.

        The agent moves by `agent.speed` times its action, each component cut to [-1, 1], and
        is then put back if it ended in the border or, outside a door, in or beyond the wall.
        Only the end of the move is tested, as in the reference, so a move may cut a corner of
        the wall.

        Args:
            states: (N, 2). actions: (N, 2), env units.

        Returns:
            the next states (N, 2).

        Raises:
            ValueError: another shape, or a number that is not finite.
        """
        before = _rows("states", states)
        moves = np.clip(_rows("actions", actions), *self.action_range) * self._speed
        after = np.clip(before + moves, *self._free_range())
        across = self.wall_coordinate
        wall_low, wall_high = self.wall_range
        is_low = before[:, across] < picture.WALL_CENTER_PX
        blocked = ~self._in_a_door(after[:, 1 - across])
        hits_low = blocked & is_low & (after[:, across] > wall_low)
        hits_high = blocked & ~is_low & (after[:, across] < wall_high)
        after[hits_low, across] = wall_low - _PUSH_BACK_PX
        after[hits_high, across] = wall_high + _PUSH_BACK_PX
        return after

    def render(
        self, states: ArrayLike, factors: Mapping[str, ArrayLike] | None = None
    ) -> NDArray[np.uint8]:
        """Draw every state.

        Args:
            states: (N, 2).
            factors: appearance factors for this call alone: one value for all, or one per
                environment with N in front, such as colours (N, 3).

        Returns:
            frames (N, S, S, 3).

        Raises:
            LewmError: an unknown name, a value outside its range, or a dynamics factor.
            ValueError: states of another shape, or not finite.
        """
        positions = _rows("states", states)
        num = len(positions)
        looks = self._appearance(factors or {}, num)
        colors = np.stack(
            np.broadcast_arrays(*(looks[name] for name in picture.LAYERS)), axis=1
        )  # (1 or N, L, 3)
        weights = picture.layer_weights(self._geometry, self.size_px)
        frames = np.empty((num, self.size_px, self.size_px, 3), dtype=np.uint8)
        picture.paint_still(frames, weights, colors)
        self._draw_target(frames, looks)
        picture.draw_dots(frames, positions, self._radius, looks["agent.color"])
        return frames

    def distance(self, states: ArrayLike, goals: ArrayLike) -> NDArray[np.float64]:
        """Distance between states and goals, (N,), in pixels of the 224-pixel picture."""
        difference = np.asarray(states, dtype=np.float64) - np.asarray(goals, dtype=np.float64)
        return np.asarray(np.sqrt((difference**2).sum(axis=-1)))

    def solved(self, states: ArrayLike, goals: ArrayLike) -> NDArray[np.bool_]:
        """Whether each state is within 16 pixels of its goal, (N,)."""
        return self.distance(states, goals) < _SOLVED_WITHIN_PX

    def states_from(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """States (N, 2) of recorded rows: the first of `state`, `proprio`, `pos_agent` there is.

        Raises:
            LewmError: none is there, or it has another width.
        """
        names = [name for name in ("state", "proprio", "pos_agent") if name in columns]
        if not names or np.shape(columns[names[0]])[1:] != (2,):
            raise LewmError(
                f"no column of {', '.join(sorted(columns)) or 'none'} holds positions (N, 2)",
                next_step="give a data set that was collected in this world",
            )
        return np.asarray(columns[names[0]], dtype=np.float64)

    def columns(self, states: ArrayLike) -> dict[str, NDArray[Any]]:
        """What a data set keeps of states (N, 2), by column."""
        positions = _rows("states", states)
        return {"state": positions, "proprio": positions.astype(np.float32)}

    @property
    def wall_coordinate(self) -> int:
        """The coordinate that changes on the way through the wall: 0 (x) or 1 (y)."""
        return 0 if self._geometry.is_vertical else 1

    @property
    def doors(self) -> tuple[tuple[int, int], ...]:
        """(centre, half-extent) of every door along the wall, in pixels."""
        return self._geometry.doors

    @property
    def wall_range(self) -> tuple[float, float]:
        """Where, across the wall, the agent's centre touches it from the low and high side."""
        reach = self._geometry.half_thickness_px + self._radius
        return picture.WALL_CENTER_PX - reach, picture.WALL_CENTER_PX + reach

    def _free_range(self) -> tuple[float, float]:
        low = picture.BORDER_PX + self._radius
        return low, picture.FULL_SIZE_PX - low

    def _in_a_door(self, along: NDArray[np.float64]) -> NDArray[np.bool_]:
        inside = np.zeros(along.shape, dtype=bool)
        for center, half_extent in self._geometry.doors:
            inside |= np.abs(along - center) <= half_extent + _DOOR_MARGIN_PX
        return inside

    def _appearance(
        self, changes: Mapping[str, ArrayLike], num: int
    ) -> dict[str, NDArray[np.float64]]:
        looks = {}
        for name, value in changes.items():
            factor = find(FACTORS, name)
            if factor.role != "appearance":
                raise LewmError(
                    f"{name} is a dynamics factor, render changes appearance factors only",
                    next_step="build the other world with with_factors and render that",
                )
            looks[name] = factor.checked_rows(name, value, num)
        for name, factor in FACTORS.items():
            if factor.role == "appearance" and name not in looks:
                looks[name] = np.atleast_2d(np.asarray(self.factors[name], dtype=np.float64))
        return looks

    def _draw_target(
        self, frames: NDArray[np.uint8], looks: Mapping[str, NDArray[np.float64]]
    ) -> None:
        num = len(frames)
        shown = np.broadcast_to(looks["rendering.render_target"][:, 0] == 1, num)
        if not shown.any():
            return
        positions = np.broadcast_to(looks["target.position"], (num, 2))
        colors = np.broadcast_to(looks["target.color"], (num, 3))
        radii = np.broadcast_to(looks["target.radius"][:, 0], num)
        for radius in np.unique(radii[shown]):
            chosen = np.flatnonzero(shown & (radii == radius))
            part = frames[chosen]
            picture.draw_dots(part, positions[chosen], float(radius), colors[chosen])
            frames[chosen] = part

    def _number(self, name: str) -> float:
        value = self.factors[name]
        assert not isinstance(value, tuple)
        return float(value)

    def _read_geometry(self) -> picture.Geometry:
        centers, half_extents = self.factors["door.position"], self.factors["door.size"]
        assert isinstance(centers, tuple)
        assert isinstance(half_extents, tuple)
        doors = [(int(c), int(h)) for c, h in zip(centers, half_extents, strict=True)]
        return picture.Geometry(
            is_vertical=self.factors["wall.axis"] == 1,
            half_thickness_px=int(self._number("wall.thickness")) // 2,
            doors=tuple(doors[: int(self._number("door.number"))]),
        )


def _rows(name: str, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"{name} have shape {array.shape}, expected (N, 2)")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} hold a number that is not finite")
    return array
