"""The two-room world behind the gymnasium interface, alone and in batches.

Importing this module registers `lewm/TwoRoom-v0`:

    import gymnasium
    import lewm.worlds.two_room_gym

    env = gymnasium.make("lewm/TwoRoom-v0", size_px=64)
    envs = gymnasium.make_vec(
        "lewm/TwoRoom-v0", num_envs=50, vectorization_mode="vector_entry_point"
    )

An observation is a frame; state, goal and their distance are in `info`. The reward is 1 on
arrival, which ends the episode, and 0 before. Options of `reset`:

    variation_values  {dotted name: value}: factors to change, until the next reset
    state             where to start, (2,), or (N, 2) for N environments
    goal_state        where to go, likewise

Shapes in this module:
    N  environments        S  picture size in pixels
"""

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from lewm.errors import LewmError
from lewm.worlds.factors import FactorValue
from lewm.worlds.two_room import FACTORS, TwoRoom

ENV_ID = "lewm/TwoRoom-v0"
_OPTIONS = ("goal_state", "state", "variation_values")
_GOAL_TRIES = 32

States = NDArray[np.float64]
Frame = NDArray[np.uint8]
Action = NDArray[np.float32]


class TwoRoomEnv(gymnasium.Env[Frame, Action]):
    """One agent in two rooms. The module's text says what is observed and rewarded."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012

    def __init__(
        self,
        *,
        size_px: int = 224,
        factors: Mapping[str, FactorValue] | None = None,
        render_mode: str | None = None,
    ) -> None:
        """Build the environment; arguments as for `TwoRoom`."""
        self.render_mode = _checked_render_mode(render_mode)
        self._base = self.world = TwoRoom(size_px=size_px, factors=factors)
        self.observation_space, self.action_space = _spaces(size_px)
        self._state, self._goal = np.zeros((1, 2)), np.zeros((1, 2))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Frame, dict[str, Any]]:
        """Start an episode.

        Raises:
            LewmError: an unknown option or factor, or a value outside its range.
        """
        super().reset(seed=seed)
        options = _checked_options(options)
        self.world = self._base.with_factors(options.get("variation_values", {}))
        start, goal = _draw_case(self.world, self.np_random)
        self._state = _positions("state", options.get("state", start), 1)
        self._goal = _positions("goal_state", options.get("goal_state", goal), 1)
        return self._frame(), self._info()

    def step(self, action: Action) -> tuple[Frame, float, bool, bool, dict[str, Any]]:
        """Move by one action (2,)."""
        self._state = self.world.step(self._state, np.asarray(action)[None])
        arrived = bool(self.world.solved(self._state, self._goal)[0])
        return self._frame(), float(arrived), arrived, False, self._info()

    def render(self) -> Frame | None:
        """The frame as it is now, (S, S, 3); nothing without a render mode."""
        return None if self.render_mode is None else self._frame()

    def goal_frame(self) -> Frame:
        """The frame with the agent at its goal, (S, S, 3)."""
        frame: Frame = _frames(self.world, self._goal, self._goal)[0]
        return frame

    def get_state(self) -> States:
        """Where the agent is, (2,)."""
        state: States = self._state[0].copy()
        return state

    def set_state(self, state: ArrayLike) -> None:
        """Put the agent at `state`, (2,)."""
        self._state = _positions("state", state, 1)

    def set_goal(self, goal_state: ArrayLike) -> None:
        """Make `goal_state`, (2,), the goal."""
        self._goal = _positions("goal_state", goal_state, 1)

    def _frame(self) -> Frame:
        frame: Frame = _frames(self.world, self._state, self._goal)[0]
        return frame

    def _info(self) -> dict[str, Any]:
        return {
            name: value[0] for name, value in _info(self.world, self._state, self._goal).items()
        }


class TwoRoomVectorEnv(gymnasium.vector.VectorEnv[Frame, Action, NDArray[Any]]):
    """Many agents, each in two rooms of its own, stepped at once.

    An environment that has ended starts anew at the next step, whose action it ignores.
    Environment i, seeded s, does what `TwoRoomEnv` seeded s + i does.
    """

    metadata = {  # noqa: RUF012
        "render_modes": ["rgb_array"],
        "render_fps": 10,
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self,
        num_envs: int = 1,
        *,
        size_px: int = 224,
        factors: Mapping[str, FactorValue] | None = None,
        render_mode: str | None = None,
        max_episode_steps: int | None = None,
    ) -> None:
        """Build the environments.

        Args:
            num_envs: N.
            size_px: as for `TwoRoom`.
            factors: as for `TwoRoom`, the same for all environments.
            render_mode: `rgb_array` or nothing.
            max_episode_steps: env steps after which an episode is truncated.
        """
        self.num_envs = num_envs
        self.render_mode = _checked_render_mode(render_mode)
        self._base = self.world = TwoRoom(size_px=size_px, factors=factors)
        self.single_observation_space, self.single_action_space = _spaces(size_px)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._max_episode_steps = max_episode_steps
        self._rngs = [seeding.np_random()[0] for _ in range(num_envs)]
        self._states, self._goals = np.zeros((num_envs, 2)), np.zeros((num_envs, 2))
        self._has_ended = np.zeros(num_envs, dtype=bool)
        self._num_steps = np.zeros(num_envs, dtype=np.int64)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Frame, dict[str, Any]]:
        """Start an episode in every environment.

        Args:
            seed: one for each environment, or one from which they count up.
            options: as for `TwoRoomEnv`; `state` and `goal_state` may be (N, 2).

        Raises:
            LewmError: as for `TwoRoomEnv`, or another number of seeds.
        """
        self._seed_all(seed)
        options = _checked_options(options)
        self.world = self._base.with_factors(options.get("variation_values", {}))
        self._draw_cases(np.arange(self.num_envs))
        self._states = _positions("state", options.get("state", self._states), self.num_envs)
        self._goals = _positions(
            "goal_state", options.get("goal_state", self._goals), self.num_envs
        )
        return self._all_frames(), _info(self.world, self._states, self._goals)

    def step(
        self, actions: Action
    ) -> tuple[Frame, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Move every agent by its action, (N, 2)."""
        starting = self._has_ended
        moved = self.world.step(self._states, actions)
        self._states = np.where(starting[:, None], self._states, moved)
        self._num_steps += 1
        self._draw_cases(np.flatnonzero(starting))
        arrived = self.world.solved(self._states, self._goals)
        too_long = np.zeros(self.num_envs, dtype=bool)
        if self._max_episode_steps is not None:
            too_long = self._num_steps >= self._max_episode_steps
        self._has_ended = arrived | too_long
        info = _info(self.world, self._states, self._goals)
        return self._all_frames(), arrived.astype(np.float64), arrived, too_long, info

    def render(self) -> tuple[Frame, ...] | None:
        """The frames as they are now, N of (S, S, 3); nothing without a render mode."""
        return None if self.render_mode is None else tuple(self._all_frames())

    def goal_frames(self) -> Frame:
        """The frames with every agent at its goal, (N, S, S, 3)."""
        return _frames(self.world, self._goals, self._goals)

    def get_state(self) -> States:
        """Where the agents are, (N, 2)."""
        return self._states.copy()

    def set_state(self, states: ArrayLike) -> None:
        """Put the agents at `states`, (N, 2), or all at one place, (2,)."""
        self._states = _positions("state", states, self.num_envs)

    def set_goal(self, goal_states: ArrayLike) -> None:
        """Make `goal_states`, (N, 2) or (2,), the goals."""
        self._goals = _positions("goal_state", goal_states, self.num_envs)

    def _seed_all(self, seed: int | Sequence[int | None] | None) -> None:
        seeds = [seed + i for i in range(self.num_envs)] if isinstance(seed, int) else seed
        if seeds is None:
            return
        if len(seeds) != self.num_envs:
            raise LewmError(
                f"{len(seeds)} seeds for {self.num_envs} environments",
                next_step="give one seed, or one for each environment",
            )
        for i, one in enumerate(seeds):
            if one is not None:
                self._rngs[i] = seeding.np_random(one)[0]

    def _draw_cases(self, chosen: NDArray[np.int64]) -> None:
        for i in chosen:
            self._states[i], self._goals[i] = _draw_case(self.world, self._rngs[i])
            self._num_steps[i] = 0
            self._has_ended[i] = False

    def _all_frames(self) -> Frame:
        return _frames(self.world, self._states, self._goals)


def _spaces(size_px: int) -> tuple[Any, Any]:
    # gymnasium's Box does not say which dtype it holds, so the types cannot be checked.
    return (
        gymnasium.spaces.Box(0, 255, (size_px, size_px, 3), np.uint8),
        gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32),
    )


def _draw_case(world: TwoRoom, rng: np.random.Generator) -> tuple[States, States]:
    """A start (2,) and a goal (2,) that is not yet reached."""
    start = world.sample_states(rng, 1)
    goals = world.sample_states(rng, _GOAL_TRIES)
    return start[0], goals[np.argmin(world.solved(start, goals))]


def _frames(world: TwoRoom, states: States, goals: States) -> Frame:
    """Frames (N, S, S, 3); a target, if one is drawn, is drawn at the goal."""
    return world.render(states, {"target.position": goals})


def _info(world: TwoRoom, states: States, goals: States) -> dict[str, Any]:
    return {
        "state": states.copy(),
        "goal_state": goals.copy(),
        "distance_px": world.distance(states, goals),
    }


def _positions(name: str, value: ArrayLike, num: int) -> States:
    """`value` as (num, 2), refused where no agent can be drawn."""
    rows = FACTORS["target.position"].checked_rows(name, value, num)
    return np.broadcast_to(rows, (num, 2)).copy()


def _checked_options(options: dict[str, Any] | None) -> dict[str, Any]:
    for name in options or {}:
        if name not in _OPTIONS:
            raise LewmError(
                f"reset has no option {name!r}; it has {', '.join(_OPTIONS)}",
                next_step="use one of these options",
            )
    return options or {}


def _checked_render_mode(render_mode: str | None) -> str | None:
    if render_mode not in (None, "rgb_array"):
        raise LewmError(
            f"render_mode is {render_mode!r}, expected 'rgb_array' or None",
            next_step="use 'rgb_array'; there is no window",
        )
    return render_mode


if ENV_ID not in gymnasium.registry:
    gymnasium.register(
        id=ENV_ID,
        entry_point="lewm.worlds.two_room_gym:TwoRoomEnv",
        vector_entry_point="lewm.worlds.two_room_gym:TwoRoomVectorEnv",
    )
