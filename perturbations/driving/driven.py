"""Lawful episodes as they happen in use: the planner drives, on a tour of recorded places.

Shapes in this module:
    E  episodes     T  env steps     S  state width     A  action width

A monitor is set on, and a rollout is judged on, what the planner itself brings about. Recorded
episodes of another policy are other episodes: in the two-room world a threshold set on an
expert's walks for 5 % false alarms gave 64 % under the planner. So recorded episodes lend only
their places: every plan heads for where the recorded episode was at the end of that plan.
"""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from perturbations.cells.rows import numbers
from perturbations.driving.acting import plan_by_sight, replayed
from perturbations.episodes import Episodes

if TYPE_CHECKING:
    from perturbations.setting import Setting

SUITE = "episodes"
"""Name under which the actions are kept; not part of the measurements."""


def drive(setting: "Setting", recorded: Episodes, purpose: str) -> Episodes:
    """The tour of every recorded episode, with the model's own plans.

    Kept as a cell, so that a run that was killed does not drive again.

    Args:
        setting: model, planner and world.
        recorded: lends starts, places on the way, and length.
        purpose: tells the random streams of several sets apart.

    Raises:
        RuntimeError: the cell crashed; the message is that of the crash.
    """
    key = setting.key(
        SUITE,
        "model",
        {"purpose": purpose},
        cases=recorded.digest,
        rests_on=("model", "world", "planner"),
    )
    cell = setting.runner.run(key, partial(_rows, setting, recorded, purpose))
    if cell.status == "crashed":
        raise RuntimeError(f"driving the {purpose} episodes: {cell.error}")
    shape = recorded.actions.shape
    columns = [numbers(cell, name) for name in _names(shape[1], shape[2])]
    actions = np.stack(columns, axis=1).reshape(shape)
    return Episodes(replayed(setting, recorded.states[:, 0], actions), actions)


def _rows(setting: "Setting", recorded: Episodes, purpose: str) -> dict[str, list[Any]]:
    num, length, width = recorded.actions.shape
    per_plan = setting.planner.config.execute_blocks * setting.block_size
    actions = np.zeros((num, length, width))
    now = recorded.states[:, 0]
    for begin in range(0, length, per_plan):
        end = min(begin + per_plan, length)
        chosen = plan_by_sight(setting, now, recorded.states[:, end], f"{purpose}/{begin}")
        actions[:, begin:end] = chosen[:, : end - begin]
        now = replayed(setting, now, actions[:, begin:end])[:, -1]
    flat = actions.reshape(num, -1)
    return {
        "episode": list(range(num)),
        **{name: flat[:, i].tolist() for i, name in enumerate(_names(length, width))},
    }


def _names(length: int, width: int) -> list[str]:
    return [f"action_{time}_{axis}" for time in range(length) for axis in range(width)]
