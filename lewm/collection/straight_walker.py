"""A policy that heads straight for its goals, walls or not.

The noisy expert hardly ever touches a wall, so a model trained on it alone imagines that one can
walk through. This one shows what walls do.

Shapes in this module:
    E  episodes, all acted for at once    T  env steps    A  action width    S  state width
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lewm.collection.policies import Actor, direction


@dataclass(frozen=True)
class StraightWalker:
    """Walks towards a random goal, slows down on arrival, and turns to another after a while.

    Attributes:
        action_noise: standard deviation of the Gaussian noise on each action component; the sum is
            cut to [-1, 1].
        patience_env_steps: env steps until the next goal.
    """

    action_noise: float = 0.5
    patience_env_steps: int = 25

    def start(
        self, world: Any, rngs: Sequence[np.random.Generator], length_env_steps: int
    ) -> Actor:
        """Begin one episode per generator; each turns at its own times."""
        num_goals = -(-length_env_steps // self.patience_env_steps) + 1
        goals = np.stack([world.sample_states(rng, num_goals) for rng in rngs])
        ages = np.array([rng.integers(self.patience_env_steps) for rng in rngs])
        noise = np.stack(
            [rng.normal(0.0, self.action_noise, (length_env_steps, 2)) for rng in rngs], axis=1
        )
        speed = float(world.factors["agent.speed"])
        times = iter(range(length_env_steps))

        def act(states: NDArray[np.float64]) -> NDArray[np.float64]:
            time = next(times)
            current = goals[np.arange(len(rngs)), (ages + time) // self.patience_env_steps]
            slow = np.minimum(world.distance(states, current) / speed, 1.0)[:, None]
            actions = slow * direction(states, current) + noise[time]
            return np.asarray(np.clip(actions, -1.0, 1.0))

        return act

    def settings(self) -> dict[str, Any]:
        """What defines this policy, as plain JSON."""
        return {
            "policy": "straight_walker",
            "action_noise": self.action_noise,
            "patience_env_steps": self.patience_env_steps,
        }
