"""Policies that collect data in OGBench's cube: pushing it about the table with a closed hand.

Shapes in this module:
    E  episodes, all acted for at once    T  env steps    S  state width
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lewm.collection.policies import Actor

_HAND = slice(-12, -9)
"""Where a state holds the gripper's place (see `lewm.worlds.swm_mujoco.CubeHooks`)."""
_STEP_M = 0.05
"""What an action of 1 asks the gripper to move."""
_ABOVE_M, _LOW_M, _BEHIND_M, _PAST_M, _NEAR_M = 0.12, 0.03, 0.09, 0.06, 0.03
_NEAREST, _FARTHEST = (0.34, -0.22), (0.51, 0.22)
"""Between which places of the table the hand pushes the cube to and fro."""


@dataclass(frozen=True)
class CubePusher:
    """Pushes the cube towards one random place on the table after another; its hand stays closed.

    It goes behind the cube at a safe height, down, and forward. Nobody grasps: the cube slides.

    Attributes:
        patience_env_steps: how long it pushes towards each place.
        action_noise: standard deviation of the Gaussian noise on each action component; the sum
            is cut to [-1, 1].
    """

    patience_env_steps: int = 40
    action_noise: float = 0.15

    def start(
        self, world: Any, rngs: Sequence[np.random.Generator], length_env_steps: int
    ) -> Actor:
        """Begin one episode per generator."""
        num_places = -(-length_env_steps // self.patience_env_steps)
        places = np.stack([rng.uniform(_NEAREST, _FARTHEST, (num_places, 2)) for rng in rngs])
        noise = [rng.normal(0.0, self.action_noise, (length_env_steps, 5)) for rng in rngs]
        times, cube = iter(range(length_env_steps)), list(world.position_columns)

        def act(states: NDArray[np.float64]) -> NDArray[np.float64]:
            time = next(times)
            goals = places[:, time // self.patience_env_steps]
            actions = np.zeros((len(states), 5))
            actions[:, :3] = _way(states[:, _HAND], states[:, cube], goals) / _STEP_M
            actions[:, 4] = 1.0
            shaken = actions + np.stack([one[time] for one in noise])
            return np.asarray(np.clip(shaken, -1.0, 1.0))

        return act

    def settings(self) -> dict[str, Any]:
        """What defines this policy, as plain JSON."""
        return {
            "policy": "cube_pusher",
            "patience_env_steps": self.patience_env_steps,
            "action_noise": self.action_noise,
        }


def _way(
    hand: NDArray[np.float64], cube: NDArray[np.float64], goals: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Where the hand (E, 3) goes next, relative to it, (E, 3), for cubes and goals (E, 2)."""
    apart = goals - cube
    ahead = apart / np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), 1e-9)
    behind = cube - _BEHIND_M * ahead
    along = ((hand[:, :2] - cube) * ahead).sum(axis=1)
    aside = np.linalg.norm(hand[:, :2] - cube - along[:, None] * ahead, axis=1)
    is_low = hand[:, 2] < _ABOVE_M / 2
    pushes = is_low & (along < 0) & (aside < _NEAR_M)
    is_behind = np.linalg.norm(hand[:, :2] - behind, axis=1) < _NEAR_M
    target = np.where(pushes[:, None], cube + _PAST_M * ahead, behind)
    height = np.where(pushes | is_behind, _LOW_M, _ABOVE_M)
    lifts = is_low & ~pushes & ~is_behind
    sideways = np.where(lifts[:, None], 0.0, target - hand[:, :2])
    return np.column_stack([sideways, height - hand[:, 2]])
