"""A gymnasium environment of our own to test the adapter on: a dot with momentum on a line.

It counts its resets and how often it was put into a state, and it remembers something that its
state does not hold unless it is asked to forget: the number of steps since the last reset.
"""

from typing import Any

import gymnasium
import numpy as np

from lewm.worlds.factors import Factor
from lewm.worlds.simulator import Hooks, Simulator

SIZE_PX = 16


class TinyEnv(gymnasium.Env[np.ndarray, np.ndarray]):
    """State: place in [0, 15] and velocity. Ends within 0.5 of the goal."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012
    success_rule = "tiny/0.5"
    position_columns = (0,)

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.observation_space = gymnasium.spaces.Box(-20.0, 20.0, (2,), np.float64)
        self.place, self.velocity, self.goal = 8.0, 0.0, 100.0
        self.push, self.color = 1.0, (255, 0, 0)
        self.num_resets = self.num_restores = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.num_resets += 1
        self.place, self.velocity = float(self.np_random.uniform(2.0, 13.0)), 0.0
        return self.get_state(), {}

    def step(self, action: np.ndarray) -> Any:
        self.velocity = 0.5 * self.velocity + self.push * float(action[0])
        self.place = float(np.clip(self.place + self.velocity, 0.0, 15.0))
        arrived = self.solved(self.get_state(), np.array([self.goal, 0.0]))
        return self.get_state(), 0.0, arrived, False, {}

    def render(self) -> np.ndarray:
        frame = np.zeros((SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
        frame[:, round(self.place)] = self.color
        return frame

    def get_state(self) -> np.ndarray:
        return np.array([self.place, self.velocity])

    def set_state(self, state: np.ndarray) -> None:
        self.num_restores += 1
        self.place, self.velocity = float(state[0]), float(state[1])

    def set_goal(self, goal: np.ndarray) -> None:
        self.goal = float(goal[0])

    def solved(self, state: np.ndarray, goal: np.ndarray) -> bool:
        return bool(abs(state[0] - goal[0]) < 0.5)


class TinyHooks(Hooks):
    """Hooks written by hand, with two factors and no more than the minimum."""

    state_columns = ("place", "velocity")
    position_columns = (0,)

    def get_state(self, env: Any) -> np.ndarray:
        return np.array([env.place, env.velocity])

    def set_state(self, env: Any, state: np.ndarray) -> None:
        env.set_state(state)

    def factors(self, env: Any) -> dict[str, Factor]:
        return {
            "dot.color": Factor("appearance", (255, 0, 0), 0, 255, "grey levels"),
            "dot.push": Factor("dynamics", 1.0, 0.5, 2.0, "per env step"),
        }

    def apply_factors(self, env: Any, factors: Any) -> None:
        env.push, env.color = factors["dot.push"], factors["dot.color"]
        env.reset(seed=0)


def tiny_world(*, size_px: int = SIZE_PX, factors: Any = None) -> Simulator:
    """The environment with hooks written by hand."""
    return Simulator("tiny", TinyEnv, TinyHooks(), size_px=size_px, factors=factors)


if "tests/Tiny-v0" not in gymnasium.registry:
    gymnasium.register(id="tests/Tiny-v0", entry_point=TinyEnv)
    gymnasium.register(
        id="tests/Short-v0", entry_point=TinyEnv, max_episode_steps=2, order_enforce=True
    )
