"""Actions and the world: what is carried out of a plan, and where it leads.

Shapes in this module:
    N  states     E  episodes     T  env steps     S  state width     A  action width
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perturbations.seeding import derive_seed

if TYPE_CHECKING:
    from perturbations.protocols import Actions, States
    from perturbations.setting import Setting


def executed(setting: "Setting", actions: "Actions") -> "Actions":
    """Actions as the world carries them out: cut to its `action_range`, where it has one.

    Raises:
        ValueError: an action is not a finite number.
    """
    if not np.isfinite(actions).all():
        bad = int(np.flatnonzero(~np.isfinite(actions).all(axis=(1, 2)))[0])
        raise ValueError(f"plan {bad} of {len(actions)} holds a number that is not finite")
    limits = getattr(setting.world, "action_range", None)
    return actions if limits is None else np.clip(actions, *limits)


def plan_by_sight(setting: "Setting", states: "States", goals: "States", purpose: str) -> "Actions":
    """Actions (N, env steps of a plan, A) that the model plans on clean frames, as executed."""
    seeds = [derive_seed(setting.seed, purpose, index) for index in range(len(states))]
    render = setting.world.render
    return executed(
        setting, setting.planner.plan(setting.model, render(states), render(goals), seeds).actions
    )


def replayed(
    setting: "Setting", start: NDArray[np.float64], actions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """States (E, T+1, S) that lawfully follow from a start (E, S) under actions (E, T, A)."""
    states = np.empty((len(start), actions.shape[1] + 1, start.shape[1]))
    states[:, 0] = start
    for time in range(actions.shape[1]):
        states[:, time + 1] = setting.world.step(states[:, time], actions[:, time])
    return states
