"""Policies that collect data in PushT: random motion about the block. The expert is `push_expert`.

Shapes in this module:
    E  episodes, all acted for at once    T  env steps    S  state width (see swm_pusht)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lewm.collection.policies import Actor

AGENT, BLOCK, ANGLE, SPEED = slice(0, 2), slice(2, 4), 4, slice(5, 7)
"""Where a state of PushT holds what."""
ACTION_PX = 100.0
"""Pixels that an action of 1 asks the agent to move."""


@dataclass(frozen=True)
class WeakPusher:
    """Wanders about the block and bumps into it, for whatever that leads to.

    Attributes:
        spread_px: standard deviation of the points it heads for, about the block's position.
        patience_env_steps: how long it heads for each.
        action_noise: standard deviation of the Gaussian noise on each action component; the sum
            is cut to [-1, 1].
    """

    spread_px: float = 70.0
    patience_env_steps: int = 4
    action_noise: float = 0.15

    def start(
        self, world: Any, rngs: Sequence[np.random.Generator], length_env_steps: int
    ) -> Actor:
        """Begin one episode per generator; each turns at its own times."""
        num_goals = -(-length_env_steps // self.patience_env_steps) + 1
        away = np.stack([rng.normal(0.0, self.spread_px, (num_goals, 2)) for rng in rngs])
        ages = np.array([rng.integers(self.patience_env_steps) for rng in rngs])
        noise = np.stack(
            [rng.normal(0.0, self.action_noise, (length_env_steps, 2)) for rng in rngs], axis=1
        )
        times = iter(range(length_env_steps))

        def act(states: NDArray[np.float64]) -> NDArray[np.float64]:
            time = next(times)
            chosen = away[np.arange(len(rngs)), (ages + time) // self.patience_env_steps]
            wanted = states[:, BLOCK] + chosen - states[:, AGENT]
            return np.asarray(np.clip(wanted / ACTION_PX + noise[time], -1.0, 1.0))

        return act

    def settings(self) -> dict[str, Any]:
        """What defines this policy, as plain JSON."""
        return {
            "policy": "weak_pusher",
            "spread_px": self.spread_px,
            "patience_env_steps": self.patience_env_steps,
            "action_noise": self.action_noise,
        }
