"""The worlds of stable-worldmodel that LeWM is evaluated in, by name.

Source: environments, success rules and ways to set state and goal are stable-worldmodel's (MIT),
run as they are (facts/lewm.md 5.3). This module is the list; the hooks say the rest.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lewm.worlds.factors import FactorValue
from lewm.worlds.simulator import Columns, Hooks, Simulator, States
from lewm.worlds.swm_factors import VariationHooks
from lewm.worlds.swm_mujoco import CubeHooks, ReacherHooks
from lewm.worlds.swm_package import environment_class
from lewm.worlds.swm_pusht import PushTHooks
from lewm.worlds.two_room import TwoRoom


class TwoRoomHooks(VariationHooks):
    """The reference's two rooms; a state is the agent's position (2), rounded to float32."""

    state_columns = ("proprio",)
    success_rule = TwoRoom.success_rule
    length_unit = "px"
    units_per_px = 1.0
    has_walls = True

    def get_state(self, env: Any) -> States:
        """Where the agent is."""
        return np.asarray(env.agent_position.numpy(), dtype=np.float64)

    def set_state(self, env: Any, state: States) -> None:
        """As the evaluation of the reference sets it."""
        env._set_state(state)

    def sample_state(self, env: Any, rng: np.random.Generator) -> States:
        """As our own two rooms draw it, with the same walls."""
        geometry = {
            f"{group}.{name}": env.variation_space[group][name].value
            for group, name in (
                ("agent", "radius"),
                ("door", "number"),
                ("door", "position"),
                ("door", "size"),
                ("wall", "axis"),
                ("wall", "thickness"),
            )
        }
        drawn = TwoRoom(factors=geometry).sample_states(rng, 1)[0]
        return np.asarray(drawn.astype(np.float32), dtype=np.float64)

    def set_goal(self, env: Any, goal: States) -> None:
        """As the evaluation of the reference gives it."""
        env._set_goal_state(goal)

    def solved(self, env: Any, states: States, goals: States) -> NDArray[np.bool_]:
        """Within 16 pixels of the goal."""
        return self.distance(states, goals) < 16.0

    def columns(self, states: States) -> dict[str, NDArray[Any]]:
        """`state` and `proprio`, both the position."""
        return {"state": states, "proprio": states}

    def states_from(self, env: Any, columns: Columns) -> States:
        """Recorded positions, rounded as the environment rounds them."""
        return np.asarray(columns["proprio"], np.float32).astype(np.float64)


@dataclass(frozen=True)
class _Environment:
    module: str
    class_name: str
    hooks: Callable[[], Hooks]
    arguments: Mapping[str, Any]

    def make(self) -> Any:
        return environment_class(self.module, self.class_name)(**self.arguments)


_ENVIRONMENTS = {
    "swm/two-room": _Environment(
        "envs.two_room.env", "TwoRoomEnv", TwoRoomHooks, {"render_mode": "rgb_array"}
    ),
    "swm/pusht": _Environment(
        "envs.pusht.env", "PushT", PushTHooks, {"render_mode": "rgb_array", "resolution": 224}
    ),
    "swm/reacher": _Environment(
        "envs.dmcontrol.reacher",
        "ReacherDMControlWrapper",
        ReacherHooks,
        {"render_mode": "rgb_array", "task": "qpos_match"},
    ),
    "swm/cube": _Environment(
        "envs.ogbench.cube_env",
        "CubeEnv",
        CubeHooks,
        {
            "env_type": "single",
            "ob_type": "states",
            "multiview": False,
            "width": 224,
            "height": 224,
            "visualize_info": False,
            "terminate_at_goal": True,
            "render_mode": "rgb_array",
        },
    ),
}

SWM_WORLDS = tuple(_ENVIRONMENTS)
"""Names of the worlds this module makes."""


def make_swm_world(
    name: str, *, size_px: int = 224, factors: Mapping[str, FactorValue] | None = None
) -> Simulator:
    """One of `SWM_WORLDS`.

    Raises:
        LewmError: stable-worldmodel or something it needs is not installed, or as `Simulator`.
    """
    chosen = _ENVIRONMENTS[name]
    return Simulator(name, chosen.make, chosen.hooks(), size_px=size_px, factors=factors)
