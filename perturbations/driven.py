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
from numpy.typing import NDArray

from perturbations.episodes import Episodes
from perturbations.rows import numbers

if TYPE_CHECKING:
    from perturbations.bench import Bench

SUITE = "episodes"
"""Name under which the actions are kept; not part of the measurements."""


def drive(bench: "Bench", recorded: Episodes, purpose: str) -> Episodes:
    """The tour of every recorded episode, with the model's own plans.

    Kept as a cell, so that a run that was killed does not drive again.

    Args:
        bench: model, planner and world.
        recorded: lends starts, places on the way, and length.
        purpose: tells the random streams of several sets apart.

    Raises:
        RuntimeError: the cell crashed; the message is that of the crash.
    """
    key = bench.key(
        SUITE,
        "model",
        {"purpose": purpose},
        cases=recorded.digest,
        rests_on=("model", "world", "planner"),
    )
    cell = bench.runner.run(key, partial(_rows, bench, recorded, purpose))
    if cell.status == "crashed":
        raise RuntimeError(f"driving the {purpose} episodes: {cell.error}")
    shape = recorded.actions.shape
    columns = [numbers(cell, name) for name in _names(shape[1], shape[2])]
    actions = np.stack(columns, axis=1).reshape(shape)
    return Episodes(replayed(bench, recorded.states[:, 0], actions), actions)


def replayed(
    bench: "Bench", start: NDArray[np.float64], actions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """States (E, T+1, S) that lawfully follow from a start (E, S) under actions (E, T, A)."""
    states = np.empty((len(start), actions.shape[1] + 1, start.shape[1]))
    states[:, 0] = start
    for time in range(actions.shape[1]):
        states[:, time + 1] = bench.world.step(states[:, time], actions[:, time])
    return states


def _rows(bench: "Bench", recorded: Episodes, purpose: str) -> dict[str, list[Any]]:
    from perturbations.closed_loop import plan_by_sight

    num, length, width = recorded.actions.shape
    per_plan = bench.planner.config.execute_blocks * bench.block_size
    actions = np.zeros((num, length, width))
    now = recorded.states[:, 0]
    for begin in range(0, length, per_plan):
        end = min(begin + per_plan, length)
        chosen = plan_by_sight(bench, now, recorded.states[:, end], f"{purpose}/{begin}")
        actions[:, begin:end] = chosen[:, : end - begin]
        now = replayed(bench, now, actions[:, begin:end])[:, -1]
    flat = actions.reshape(num, -1)
    return {
        "episode": list(range(num)),
        **{name: flat[:, i].tolist() for i, name in enumerate(_names(length, width))},
    }


def _names(length: int, width: int) -> list[str]:
    return [f"action_{time}_{axis}" for time in range(length) for axis in range(width)]
