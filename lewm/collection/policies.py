"""Policies that collect data: random actions anywhere, and a noisy expert of the two-room world.

Shapes in this module:
    E  episodes, all acted for at once    T  env steps    A  action width    S  state width

All chance of an episode comes from that episode's own generator, so an episode does not
depend on which others are collected with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lewm.errors import LewmError
from lewm.worlds.two_room import TwoRoom

Actor = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""States (E, S) in, actions (E, A) in env units out; called once for every env step."""


class Policy(Protocol):
    """What `lewm.collection.collect` needs from a policy."""

    def start(
        self, world: Any, rngs: Sequence[np.random.Generator], length_env_steps: int
    ) -> Actor:
        """Begin one episode per generator."""
        ...

    def settings(self) -> dict[str, Any]:
        """What defines this policy, as plain JSON."""
        ...


@dataclass(frozen=True)
class RandomPolicy:
    """Every action drawn evenly from the world's range, [-1, 1] unless it says another."""

    def start(
        self, world: Any, rngs: Sequence[np.random.Generator], length_env_steps: int
    ) -> Actor:
        """Begin one episode per generator."""
        size = (length_env_steps, world.action_width)
        low, high = getattr(world, "action_range", (-1.0, 1.0))
        draws = iter(np.stack([rng.uniform(low, high, size) for rng in rngs], axis=1))
        return lambda states: next(draws)

    def settings(self) -> dict[str, Any]:
        """What defines this policy, as plain JSON."""
        return {"policy": "random"}


@dataclass(frozen=True)
class NoisyExpert:
    """Walks to one random goal after another, through a door where it must, unsteadily.

    Source: the recipe of the reference data set (facts/lewm.md, section 4), with goals
    resampled on arrival instead of ending the episode, so that all episodes are equally long.

    Attributes:
        action_noise: standard deviation of the Gaussian noise on each component of the
            action, whose noiseless length is 1; the sum is cut to [-1, 1].
        repeat_probability: chance, at each env step, of repeating the action before.
    """

    action_noise: float = 0.5
    repeat_probability: float = 0.0

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing.

        Raises:
            LewmError: negative or infinite noise, or a probability outside [0, 1].
        """
        if not (0.0 <= self.action_noise < np.inf):
            raise LewmError(
                f"action_noise is {self.action_noise}, its range is 0 and up",
                next_step="choose 0.5, the default, or 2.0 as in the reference data set",
            )
        if not (0.0 <= self.repeat_probability <= 1.0):
            raise LewmError(
                f"repeat_probability is {self.repeat_probability}, its range is 0 to 1",
                next_step="choose a value inside the range",
            )

    def start(
        self, world: TwoRoom, rngs: Sequence[np.random.Generator], length_env_steps: int
    ) -> Actor:
        """Begin one episode per generator."""
        return _ExpertWalk(self, world, rngs, length_env_steps)

    def settings(self) -> dict[str, Any]:
        """What defines this policy, as plain JSON."""
        return {
            "policy": "noisy_expert",
            "action_noise": self.action_noise,
            "repeat_probability": self.repeat_probability,
        }


@dataclass(frozen=True)
class Mixture:
    """Each episode is one policy's, drawn evenly from the episode's own stream."""

    parts: tuple[Policy, ...]

    def start(
        self, world: Any, rngs: Sequence[np.random.Generator], length_env_steps: int
    ) -> Actor:
        """Begin one episode per generator."""
        drawn = np.array([rng.integers(len(self.parts)) for rng in rngs])
        shares = [np.flatnonzero(drawn == part) for part in range(len(self.parts))]
        actors = [
            policy.start(world, [rngs[int(episode)] for episode in share], length_env_steps)
            for policy, share in zip(self.parts, shares, strict=True)
            if len(share)
        ]
        shares = [share for share in shares if len(share)]

        def act(states: NDArray[np.float64]) -> NDArray[np.float64]:
            actions = np.empty((len(states), world.action_width))
            for actor, share in zip(actors, shares, strict=True):
                actions[share] = actor(states[share])
            return actions

        return act

    def settings(self) -> dict[str, Any]:
        """What defines this policy, as plain JSON."""
        return {"policy": "mixture", "parts": [part.settings() for part in self.parts]}


class _ExpertWalk:
    """The noisy expert under way: knows each episode's goal and its last action."""

    def __init__(
        self,
        expert: NoisyExpert,
        world: TwoRoom,
        rngs: Sequence[np.random.Generator],
        length_env_steps: int,
    ) -> None:
        num = len(rngs)
        self._world = world
        # One goal more than env steps: a walk cannot arrive more often than it moves.
        self._goals = np.stack([world.sample_states(rng, length_env_steps + 1) for rng in rngs])
        self._goal_index = np.zeros(num, dtype=np.int64)
        noise = [rng.normal(0.0, 1.0, (length_env_steps, 2)) for rng in rngs]
        self._noise = np.stack(noise, axis=1) * expert.action_noise
        draws = [rng.random(length_env_steps) for rng in rngs]
        self._repeats = np.stack(draws, axis=1) < expert.repeat_probability
        self._time = 0
        self._last = np.zeros((num, 2))

    def __call__(self, states: NDArray[np.float64]) -> NDArray[np.float64]:
        """Actions (E, 2) for states (E, 2)."""
        every = np.arange(len(states))
        self._goal_index += self._world.solved(states, self._goals[every, self._goal_index])
        goals = self._goals[every, self._goal_index]
        actions = direction(states, next_waypoint(self._world, states, goals))
        actions = np.clip(actions + self._noise[self._time], -1.0, 1.0)
        repeats = self._repeats[self._time] & (self._time > 0)
        self._last = np.where(repeats[:, None], self._last, actions)
        self._time += 1
        return self._last


def direction(states: NDArray[np.float64], waypoints: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors from states to waypoints, (N, 2); zero where they coincide."""
    difference = waypoints - states
    length = np.sqrt((difference**2).sum(axis=-1, keepdims=True))
    return np.asarray(difference / np.maximum(length, 1e-8))


def next_waypoint(
    world: TwoRoom, states: NDArray[np.float64], goals: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Where to head next on the way to a goal.

    In the goal's room that is the goal. Otherwise it is the near mouth of the door with the
    shortest way round, and from there, or inside the doorway, the far mouth.

    Args:
        world: knows wall and doors.
        states: (N, 2). goals: (N, 2), outside the wall.

    Returns:
        (N, 2).
    """
    across, along = world.wall_coordinate, 1 - world.wall_coordinate
    wall_low, wall_high = world.wall_range
    # Side of the wall: -1, 0 in the doorway, or 1.
    side = np.where(
        states[:, across] <= wall_low, -1, np.where(states[:, across] >= wall_high, 1, 0)
    )
    goal_side = np.where(goals[:, across] < (wall_low + wall_high) / 2, -1, 1)

    centers = np.array([center for center, _ in world.doors], dtype=np.float64)
    widths = np.array([half for _, half in world.doors], dtype=np.float64)
    way_round = np.abs(states[:, None, along] - centers) + np.abs(goals[:, None, along] - centers)
    in_doorway = side == 0
    way_round = np.where(in_doorway[:, None], np.abs(states[:, None, along] - centers), way_round)
    door = way_round.argmin(axis=1)

    aligned = np.abs(states[:, along] - centers[door]) <= widths[door] / 2
    through = in_doorway | aligned
    near_mouth = np.where(side < 0, wall_low, wall_high)
    far_mouth = np.where(goal_side < 0, wall_low - 2.0, wall_high + 2.0)
    waypoints = goals.copy()
    elsewhere = side != goal_side
    waypoints[elsewhere, across] = np.where(through, far_mouth, near_mouth)[elsewhere]
    waypoints[elsewhere, along] = centers[door][elsewhere]
    return waypoints
