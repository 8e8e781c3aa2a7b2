"""`gym:<id>`: an environment registered with gymnasium that can itself be put into a state.

The minimum that its bare environment must offer is

    get_state() -> (S,)            all that the next step depends on
    set_state(state)               put it there

and, to be planned in, `solved(state, goal) -> bool`. Further methods and attributes are used where
they are there: `set_goal(goal)`, `success_rule`, `state_columns`, `position_columns`,
`length_unit`, `units_per_px`, `has_walls` and `is_free(state)` (see
`lewm.worlds.simulator.Hooks`; whoever has momentum needs the last to be moved elsewhere by an
audit). An environment without them gets hooks of its own and `lewm.worlds.register_world`:

    class PendulumHooks(Hooks):
        def get_state(self, env):
            return env.state.copy()

        def set_state(self, env, state):
            env.state = state.copy()

    def pendulum(*, size_px=224, factors=None):
        make = lambda: gymnasium.make("Pendulum-v1", render_mode="rgb_array")
        return Simulator("pendulum", make, PendulumHooks(), size_px=size_px, factors=factors)

    register_world("pendulum", pendulum)

As in gymnasium, `gym:module:id` imports `module` first. Checkpoints and data sets name worlds as
well, and importing runs code, so the module must be imported already or be named in
$LEWM_GYM_MODULES, several with commas between them.
"""

import os
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from lewm.errors import LewmError
from lewm.worlds.factors import FactorValue
from lewm.worlds.simulator import Hooks, Simulator, States

_ALLOWED = "LEWM_GYM_MODULES"


class OwnHooks(Hooks):
    """Asks the environment itself."""

    def __init__(self, env: Any) -> None:
        """Read what the environment says about itself."""
        for name in ("state_columns", "position_columns"):
            setattr(self, name, tuple(getattr(env, name, getattr(Hooks, name))))
        for name in ("length_unit", "units_per_px", "has_walls"):
            setattr(self, name, getattr(env, name, getattr(Hooks, name)))
        self.success_rule = str(getattr(env, "success_rule", ""))

    def get_state(self, env: Any) -> States:
        """What it says."""
        return np.asarray(env.get_state(), dtype=np.float64)

    def set_state(self, env: Any, state: States) -> None:
        """As it does."""
        env.set_state(state)

    def set_goal(self, env: Any, goal: States) -> None:
        """As it does, if it does."""
        if not hasattr(env, "set_goal"):
            super().set_goal(env, goal)
        env.set_goal(goal)

    def solved(self, env: Any, states: States, goals: States) -> NDArray[np.bool_]:
        """Its own rule, one pair at a time."""
        if not hasattr(env, "solved"):
            raise LewmError(
                f"{type(env).__name__} has no solved(state, goal), so nobody can say whether a "
                "goal is reached",
                next_step="add it to the environment, see lewm.worlds.gym_world",
            )
        judged = [env.solved(state, goal) for state, goal in zip(states, goals, strict=True)]
        return np.array(judged, dtype=bool)

    def is_free(self, env: Any, state: States) -> bool:
        """As it says, if it does."""
        return bool(env.is_free(state)) if hasattr(env, "is_free") else super().is_free(env, state)


def make_gym_world(
    name: str, *, size_px: int = 224, factors: Mapping[str, FactorValue] | None = None
) -> Simulator:
    """The world `gym:<id>`.

    Raises:
        LewmError: gymnasium has no such id, something it needs is not installed, it cannot be put
            into a state, or it names a module that nobody allowed.
    """
    _require_allowed(name)
    make = partial(
        gymnasium.make, name.removeprefix("gym:"), render_mode="rgb_array", disable_env_checker=True
    )
    try:
        env = make().unwrapped
    except (gymnasium.error.Error, ImportError, TypeError) as error:
        raise LewmError(
            f"gymnasium cannot make {name.removeprefix('gym:')}: {error}",
            next_step="check the id, install what it needs, or write gym:module:id to import it",
        ) from error
    lacking = [method for method in ("get_state", "set_state") if not hasattr(env, method)]
    if lacking:
        raise LewmError(
            f"{type(env).__name__} has no {' and no '.join(lacking)}, so it cannot be put into a "
            "state",
            next_step="write hooks for it, see lewm.worlds.gym_world",
        )
    hooks = OwnHooks(env)
    env.close()
    return Simulator(name, make, hooks, size_px=size_px, factors=factors)


def _require_allowed(name: str) -> None:
    """Refuse to import, and so to run, a module because a file names it."""
    module = name.removeprefix("gym:").rpartition(":")[0]
    allowed = os.environ.get(_ALLOWED, "").split(",")
    if module and module not in sys.modules and module not in allowed:
        raise LewmError(
            f"the world {name} would import the module {module}, which is not allowed",
            next_step=f"if you trust that module, set {_ALLOWED}={module}",
        )
