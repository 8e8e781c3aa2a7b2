"""Factors of variation of stable-worldmodel's environments, read from their variation space.

What a name says about its part decides its role: colours, light and camera, and whatever belongs
to a drawn target, change the picture alone; the rest changes what an action does. Where an episode
starts is part of the state, not a factor.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from lewm.errors import LewmError
from lewm.worlds.factors import Factor, FactorValue
from lewm.worlds.simulator import Hooks

_OF_THE_STATE = {
    "agent.ee_start_position",
    "agent.position",
    "agent.start_position",
    "agent.velocity",
    "block.angle",
    "block.start_position",
    "cube.goal_position",
    "cube.goal_yaw",
    "cube.start_position",
    "cube.start_yaw",
    "task.min_steps",
}
_LOOKS = {"color", "border_color", "intensity", "angle_delta"}
_DRAWN = {"goal", "target", "rendering"}


NOTHING_RESAMPLED: dict[str, Any] = {"variation": ()}
"""Option of a reset that keeps every factor at its initial value."""


class VariationHooks(Hooks):
    """Hooks of an environment that has a variation space."""

    def __init__(self) -> None:
        """Know no factor yet."""
        self.defaults: dict[str, FactorValue] = {}
        self._initial: dict[str, Any] = {}

    def factors(self, env: Any) -> Mapping[str, Factor]:
        """Every factor with its limits and default."""
        leaves = [(name, leaf) for name, leaf in _leaves(env.variation_space)]
        table = {name: _factor(name, leaf) for name, leaf in leaves if name not in _OF_THE_STATE}
        if not self._initial:
            self._initial = {name: leaf.init_value for name, leaf in leaves}
            self.defaults = {name: factor.default for name, factor in table.items()}
        return table

    def apply_factors(self, env: Any, factors: Mapping[str, FactorValue]) -> None:
        """Reset with these factors."""
        self.set_factors(env, factors)
        restart(env, seed=0)

    def set_factors(self, env: Any, factors: Mapping[str, FactorValue]) -> None:
        """Make these values what the next reset starts from.

        They become initial values of the variation space, which a reset that resamples nothing
        keeps. A value at its default is the environment's own to the last bit.

        Raises:
            LewmError: the environment refuses a value that lies inside the limits of its numbers.
        """
        for name, leaf in _leaves(env.variation_space):
            if name not in factors:
                continue
            value = factors[name]
            if value == self.defaults[name]:
                leaf.set_init_value(self._initial[name])
                continue
            wanted = (
                np.asarray(value, dtype=leaf.dtype).reshape(leaf.shape)
                if hasattr(leaf, "low") or hasattr(leaf, "nvec")
                else int(value[0] if isinstance(value, tuple) else value)
            )
            if not leaf.contains(wanted):
                raise LewmError(
                    f"{name} is {value}, which the environment does not allow",
                    next_step="choose a value inside the range of each of its numbers",
                )
            leaf.set_init_value(wanted)


def restart(env: Any, *, options: Mapping[str, Any] = NOTHING_RESAMPLED, **seed: int) -> None:
    """Reset an environment to the factors it was given.

    Raises:
        LewmError: it allows them one by one, and not with each other.
    """
    try:
        env.reset(options=dict(options), **seed)
    except AssertionError:
        for name, leaf in _leaves(env.variation_space):
            if not leaf.constrain_fn(leaf.value):
                raise LewmError(
                    f"{name} is {np.asarray(leaf.value).tolist()}, which the environment does not "
                    "allow beside the other factors",
                    next_step=f"give {name} another value as well, until they fit each other",
                ) from None
        raise


def _leaves(space: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, part in space.spaces.items():
        if hasattr(part, "spaces"):
            yield from _leaves(part, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", part


def _factor(name: str, leaf: Any) -> Factor:
    group, last = name.split(".")[0], name.split(".")[-1]
    role = "appearance" if last in _LOOKS or group in _DRAWN else "dynamics"
    if hasattr(leaf, "low"):
        low, high = np.min(leaf.low), np.max(leaf.high)
    elif hasattr(leaf, "nvec"):
        low, high = np.min(leaf.start), np.max(leaf.start + leaf.nvec - 1)
    else:
        low, high = leaf.start, leaf.start + leaf.n - 1
    default = np.asarray(leaf.init_value)
    number = int if default.dtype.kind in "iu" and np.asarray(low).dtype.kind in "iu" else float
    numbers = tuple(number(item) for item in default.reshape(-1))
    return Factor(
        role="appearance" if role == "appearance" else "dynamics",
        default=numbers if len(numbers) > 1 else numbers[0],
        low=number(low),
        high=number(high),
        unit="",
    )
