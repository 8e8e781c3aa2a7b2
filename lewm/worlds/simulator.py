"""Any gymnasium environment as a world that is a function of its state.

Shapes in this module:
    N  states           S  state width        A  action width       P  frame size in pixels

One environment serves every state: before a step it is put into the state, afterwards it is read.
What the adapter must know for that is written down as `Hooks`; two methods are enough to step and
to draw. Where a restored step equals an uninterrupted one bit for bit, the environment is left
where it is while the same state is carried on, which is what a closed loop does.
"""

import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lewm.errors import LewmError
from lewm.worlds.factors import Factor, FactorValue, find
from lewm.worlds.resize import resized

States = NDArray[np.float64]
Columns = Mapping[str, NDArray[Any]]

SIMULATOR_STATE = "simulator_state"
"""The column in which our own collections keep whole states, also where the field keeps less."""

_SMALLEST_PX, _LARGEST_PX = 8, 1024


class Hooks(ABC):
    """What the adapter must know about one kind of environment.

    The minimum is `get_state` and `set_state`. `sample_state` falls back on the environment's
    reset; a world that is planned in also needs `solved`; `step_towards` needs `set_goal`.

    `env` is always the bare environment, without gymnasium's wrappers.
    """

    state_columns: tuple[str, ...] = ("state",)
    """Columns of a data set in the field's layout that make up a state."""
    position_columns: tuple[int, ...] = (0, 1)
    """Columns of a state that hold the place of what moves."""
    success_rule: str = ""
    """Name of the rule that `solved` applies."""
    restores_exactly: bool = True
    """Whether a step from a restored state equals an uninterrupted one bit for bit."""
    length_unit: str = "world"
    """What places and `distance` are measured in."""
    units_per_px: float | None = None
    """How far a place moves, in the world's own units, for one pixel of a picture 224 wide; none
    where nobody said. Events that are given in pixels then cannot be shown."""
    has_walls: bool = False
    """Whether something stands in the way of what moves, with free places behind it."""

    @abstractmethod
    def get_state(self, env: Any) -> States:
        """All that the next step depends on, (S,)."""

    @abstractmethod
    def set_state(self, env: Any, state: States) -> None:
        """Put the environment there, whatever it did before."""

    def factors(self, env: Any) -> Mapping[str, Factor]:
        """Its factors of variation by dotted name; none unless told."""
        return {}

    def apply_factors(self, env: Any, factors: Mapping[str, FactorValue]) -> None:
        """Start afresh with these values, one for every factor."""
        env.reset(seed=0)

    def sample_state(self, env: Any, rng: np.random.Generator) -> States:
        """An admissible state, (S,), that depends on `rng` alone."""
        env.reset(seed=int(rng.integers(2**31)))
        return self.get_state(env)

    def set_goal(self, env: Any, goal: States) -> None:
        """Make `goal`, a state (S,), what the environment ends at."""
        raise LewmError(
            f"{type(self).__name__} says no way to give the environment a goal",
            next_step="write its set_goal, see lewm.worlds.simulator.Hooks",
        )

    def step(self, env: Any, action: NDArray[Any]) -> bool:
        """Act once, (A,), and say whether the environment sees its goal reached."""
        return bool(env.step(action)[2])

    def solved(self, env: Any, states: States, goals: States) -> NDArray[np.bool_]:
        """The success rule, (N,), for states and goals (N, S)."""
        raise LewmError(
            f"{type(self).__name__} says no success rule",
            next_step="write its solved, see lewm.worlds.simulator.Hooks",
        )

    def distance(self, states: States, goals: States) -> NDArray[np.float64]:
        """Distance to the goal, (N,), in the world's own units; of the positions unless told."""
        columns = list(self.position_columns)
        apart = states[..., columns] - goals[..., columns]
        return np.asarray(np.sqrt((apart**2).sum(axis=-1)))

    def parting(self, states: States, others: States) -> NDArray[np.float64]:
        """How far what moves is apart in two states each, (N,); the goal's distance unless told.

        The agent counts as well, also where the goal is about something else.
        """
        return self.distance(states, others)

    def is_free(self, env: Any, state: States) -> bool:
        """Whether what moves can be where `state` has it; what rests there stays, unless told."""
        self.set_state(env, state)
        env.step(np.zeros(env.action_space.shape, env.action_space.dtype))
        return bool(np.isclose(self.get_state(env), state, atol=1e-6).all())

    def render(self, env: Any) -> NDArray[np.uint8]:
        """The environment's own picture, (H, W, 3)."""
        return np.asarray(env.render())

    def states_from(self, env: Any, columns: Columns) -> States:
        """States (N, S) of recorded rows; the state columns side by side unless told."""
        return np.concatenate(
            [np.asarray(columns[name], np.float64) for name in self.state_columns], axis=1
        )

    def settled(self, env: Any, state: States) -> States:
        """What starting an episode at a recorded state (S,) makes of it; nothing unless told."""
        return state

    def columns(self, states: States) -> dict[str, NDArray[Any]]:
        """What a data set in the field's layout keeps of states (N, S)."""
        return {"state": states}


class Simulator:
    """A gymnasium environment, through its hooks, as a world; see `perturbations.protocols.World`.

    Some calls go beyond that: `step_towards` judges as the environment itself does, also where it
    stops within a step; `settled` is where an episode begins that starts at a recorded state.
    """

    steps_one_by_one = True
    """Whether many states take as many times as long as one."""

    def __init__(
        self,
        name: str,
        make_env: Callable[[], Any],
        hooks: Hooks,
        *,
        size_px: int = 224,
        factors: Mapping[str, FactorValue] | None = None,
    ) -> None:
        """Build the environment.

        Args:
            name: what `make_world` calls it.
            make_env: builds the environment, with `render_mode="rgb_array"`.
            hooks: what is to be known about it.
            size_px: width and height of frames. The environment draws at its own size; another
                size is that picture resized as the reference resizes it (Pillow, bilinear).
            factors: values by dotted name; the others keep their default.

        Raises:
            LewmError: an unknown factor, a size or a value outside its range, or actions that
                are no box of real numbers.
        """
        if isinstance(size_px, bool) or not isinstance(size_px, int):
            raise LewmError(
                f"size_px is {size_px!r}, expected a whole number", next_step="give 64 or 224"
            )
        if not _SMALLEST_PX <= size_px <= _LARGEST_PX:
            raise LewmError(
                f"size_px is {size_px}, its range is {_SMALLEST_PX} to {_LARGEST_PX}",
                next_step="choose a size inside the range",
            )
        self.name = name
        self.size_px = size_px
        self.hooks = hooks
        self.success_rule = hooks.success_rule
        self.state_columns = hooks.state_columns
        self._make_env = make_env
        self._env = make_env().unwrapped
        # Renderers complain when the interpreter takes them down.
        self.close = weakref.finalize(self, self._env.close)
        """Lets go of the environment; done at exit otherwise."""
        self.action_width, self.action_range = _action_box(name, self._env)
        self.factor_table = hooks.factors(self._env)
        self.factors: dict[str, FactorValue] = {
            key: factor.default for key, factor in self.factor_table.items()
        }
        for key, value in (factors or {}).items():
            self.factors[key] = find(self.factor_table, key).checked(key, value)
        self._applied: dict[str, FactorValue] | None = None
        self._held: bytes | None = None
        self._apply(self.factors)
        self.state_width = len(hooks.get_state(self._env))
        self.position_columns = hooks.position_columns
        self.length_unit = hooks.length_unit
        self.units_per_px = hooks.units_per_px
        self.has_walls = hooks.has_walls
        self._painter: Simulator | None = None
        """Draws under other factors, so that this environment need not start afresh."""

    def with_factors(self, changes: Mapping[str, FactorValue]) -> "Simulator":
        """A world with these values changed and all others kept; it has its own environment."""
        return Simulator(
            self.name,
            self._make_env,
            self.hooks,
            size_px=self.size_px,
            factors={**self.factors, **changes},
        )

    def scope(self) -> dict[str, Any]:
        """What is set, as plain JSON; only the factors that are off their default."""
        changed = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in self._changed(self.factors).items()
        }
        return {"world": self.name, "size_px": self.size_px, "factors": changed}

    def sample_states(self, rng: np.random.Generator, num: int) -> States:
        """Draw admissible states, (num, S); they depend on `rng` alone."""
        self._apply(self.factors)
        drawn = np.empty((num, self.state_width))
        for row in range(num):
            drawn[row] = self.hooks.sample_state(self._env, rng)
        self._held = None
        if type(self.hooks).sample_state is Hooks.sample_state:
            self._applied = None  # it reset the environment, factors and all
        return drawn

    def step(self, states: ArrayLike, actions: ArrayLike) -> States:
        """Advance every state (N, S) by one env step with its action (N, A).

        Raises:
            ValueError: another shape, or a number that is not finite.
        """
        return self._step(states, actions)[0]

    def step_towards(
        self, states: ArrayLike, actions: ArrayLike, goals: ArrayLike
    ) -> tuple[States, NDArray[np.bool_]]:
        """Advance every state towards its goal (N, S).

        Returns:
            the next states (N, S), and whether the environment itself said that the goal was
            reached, (N,).
        """
        return self._step(states, actions, _rows("goals", goals, self.state_width))

    def render(
        self, states: ArrayLike, factors: Mapping[str, ArrayLike] | None = None
    ) -> NDArray[np.uint8]:
        """Draw every state.

        Args:
            states: (N, S).
            factors: appearance factors for this call alone: one value for all, or one per state
                with N in front. A second environment draws them, and starts afresh for each
                value that it did not draw last.

        Returns:
            frames (N, P, P, 3).

        Raises:
            LewmError: an unknown name, a value outside its range, or a dynamics factor.
        """
        rows = _rows("states", states, self.state_width)
        looks = self._looks(factors or {}, len(rows))
        frames = np.empty((len(rows), self.size_px, self.size_px, 3), dtype=np.uint8)
        for row in sorted(range(len(rows)), key=lambda row: repr(looks[row])):
            frames[row] = self._drawn(rows[row], {**self.factors, **looks[row]})
        return frames

    def solved(self, states: ArrayLike, goals: ArrayLike) -> NDArray[np.bool_]:
        """Apply the success rule, (N,)."""
        width = self.state_width
        rows, targets = np.broadcast_arrays(
            _rows("states", states, width), _rows("goals", goals, width)
        )
        self._apply(self.factors)
        return self.hooks.solved(self._env, rows, targets)

    def distance(self, states: ArrayLike, goals: ArrayLike) -> NDArray[np.float64]:
        """True distance to the goal, (N,), in the world's own units."""
        return self.hooks.distance(np.asarray(states, np.float64), np.asarray(goals, np.float64))

    def states_from(self, columns: Columns) -> States:
        """States (N, S) of recorded rows.

        Args:
            columns: by name, (N, width) each: `simulator_state` if our own collection wrote
                them, otherwise `state_columns`.

        Raises:
            LewmError: a column is missing, or has another width.
        """
        self._apply(self.factors)
        self._held = None
        if SIMULATOR_STATE in columns:
            found = np.asarray(columns[SIMULATOR_STATE], np.float64)
        else:
            missing = [name for name in self.state_columns if name not in columns]
            if missing:
                raise LewmError(
                    f"a state of {self.name} is made of the columns "
                    f"{', '.join(self.state_columns)}; {', '.join(missing)} is not there",
                    next_step="give a data set that was collected in this world",
                )
            found = self.hooks.states_from(self._env, columns)
        if found.ndim != 2 or found.shape[1] != self.state_width:
            raise LewmError(
                f"the recorded states have shape {found.shape}, a state of {self.name} has width "
                f"{self.state_width}",
                next_step="give a data set that was collected in this world",
            )
        return found

    def parting(self, states: ArrayLike, others: ArrayLike) -> NDArray[np.float64]:
        """How far what moves is apart in two states each, (N,), in the world's own units."""
        return self.hooks.parting(np.asarray(states, np.float64), np.asarray(others, np.float64))

    def is_free(self, states: ArrayLike) -> NDArray[np.bool_]:
        """Whether what moves can be where each state (N, S) has it, (N,)."""
        self._apply(self.factors)
        self._held = None
        rows = _rows("states", states, self.state_width)
        return np.array([self.hooks.is_free(self._env, row) for row in rows], dtype=bool)

    def settled(self, states: ArrayLike) -> States:
        """Where episodes begin that start at recorded states, (N, S)."""
        self._apply(self.factors)
        self._held = None
        rows = _rows("states", states, self.state_width)
        return np.stack([self.hooks.settled(self._env, row) for row in rows])

    def columns(self, states: ArrayLike) -> dict[str, NDArray[Any]]:
        """What a data set keeps of states (N, S), by column, in the field's layout and names."""
        rows = _rows("states", states, self.state_width)
        return {**self.hooks.columns(rows), SIMULATOR_STATE: rows}

    def _step(
        self, states: ArrayLike, actions: ArrayLike, goals: States | None = None
    ) -> tuple[States, NDArray[np.bool_]]:
        rows = _rows("states", states, self.state_width)
        # The last bit of an action is rounded as the environment's users round it.
        moves = _rows("actions", actions, self.action_width).astype(self._env.action_space.dtype)
        self._apply(self.factors)
        after, arrived = np.empty_like(rows), np.zeros(len(rows), dtype=bool)
        for row, (state, move) in enumerate(zip(rows, moves, strict=True)):
            if not self.hooks.restores_exactly or state.tobytes() != self._held:
                self._restore(state)
            if goals is not None:
                self.hooks.set_goal(self._env, goals[row])
            arrived[row] = self.hooks.step(self._env, move)
            after[row] = self.hooks.get_state(self._env)
            self._held = after[row].tobytes()
        return after, arrived

    def _drawn(self, state: States, factors: dict[str, FactorValue]) -> NDArray[np.uint8]:
        painter = self if factors == self.factors else self._other()
        painter._apply(factors)
        painter._restore(state)
        return resized(self.hooks.render(painter._env), self.size_px)

    def _other(self) -> "Simulator":
        if self._painter is None:
            self._painter = self.with_factors({})
        return self._painter

    def _restore(self, state: States) -> None:
        self._held = None  # should it fail halfway
        self.hooks.set_state(self._env, state)
        self._held = state.tobytes()

    def _apply(self, factors: dict[str, FactorValue]) -> None:
        if factors == self._applied:
            return
        self._applied = self._held = None
        self.hooks.apply_factors(self._env, factors)
        self._applied = dict(factors)

    def _changed(self, factors: Mapping[str, FactorValue]) -> dict[str, FactorValue]:
        return {
            name: value
            for name, value in factors.items()
            if value != self.factor_table[name].default
        }

    def _looks(self, changes: Mapping[str, ArrayLike], num: int) -> list[dict[str, FactorValue]]:
        """The factors to replace, one dictionary per state."""
        looks: list[dict[str, FactorValue]] = [{} for _ in range(num)]
        for name, value in changes.items():
            factor = find(self.factor_table, name)
            if factor.role != "appearance":
                raise LewmError(
                    f"{name} is a {factor.role} factor, render changes appearance factors only",
                    next_step="build the other world with with_factors and render that",
                )
            rows = np.broadcast_to(
                factor.checked_rows(name, value, num), (num, _width_of(factor.default))
            )
            number = int if factor.is_whole else float
            for row, look in zip(rows, looks, strict=True):
                numbers = tuple(number(item) for item in row)
                look[name] = numbers if isinstance(factor.default, tuple) else numbers[0]
        return looks


def _width_of(value: FactorValue) -> int:
    return len(value) if isinstance(value, tuple) else 1


def _action_box(name: str, env: Any) -> tuple[int, tuple[float, float]]:
    """Width of an action, and the range that every component carries out."""
    space = env.action_space
    low, high = getattr(space, "low", None), getattr(space, "high", None)
    if low is None or high is None or len(space.shape) != 1 or space.dtype.kind != "f":
        raise LewmError(
            f"actions of {name} are {space}, expected a box of real numbers with one axis",
            next_step="wrap the environment so that its actions are continuous",
        )
    return int(space.shape[0]), (float(np.max(low)), float(np.min(high)))


def _rows(name: str, values: ArrayLike, width: int) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != width:
        raise ValueError(f"{name} have shape {array.shape}, expected (N, {width})")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} hold a number that is not finite")
    return array
