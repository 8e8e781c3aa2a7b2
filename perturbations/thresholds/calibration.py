"""Calibration: the threshold of each monitor, with a guarantee per episode.

An episode alarms when its largest score exceeds the threshold. The suites record a column of
scores for each monitor, and never an alarm, so that a threshold can change without a model.

Each monitor keeps its own stated rate of false alarms; several together alarm more often, which
is measured (docs/decisions/0006).

Shapes in this module:
    E  episodes     B  model steps     N  rows of a cell
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from envelope.records import CalibratedMonitor, Calibration, Cell, NotMeasured, Scalar
from perturbations.cells.rows import numbers
from perturbations.monitors.kinds import FLOOR, MONITORS, SUITE, Dropout, Monitor
from perturbations.statistics.stats import conformal_threshold
from perturbations.thresholds import redraws

if TYPE_CHECKING:
    from perturbations.bench import Bench

RECORDING: Literal["recording"] = "recording"
"""Who chose the actions of calibration episodes that the planner did not drive."""


def episode_columns(scores: Mapping[str, NDArray[np.float64]]) -> dict[str, list[float]]:
    """The statistic of each episode by monitor: its largest score."""
    return {name: found.max(axis=1).tolist() for name, found in scores.items()}


def calibration_cell(bench: "Bench") -> Cell:
    """Scores of the calibration episodes."""

    def rows() -> dict[str, list[float]]:
        from perturbations import latents

        episodes = bench.lawful_calibration
        latents.check_steady(bench.model, bench.world.render(episodes.states[:4, 0]))
        seen = latents.encode(
            bench.eye,
            latents.clean(bench.world),
            episodes.block_states(bench.block_size),
            np.arange(len(episodes)),
        )
        blocks = episodes.blocks(bench.block_size)
        scores = bench.scores(seen, blocks)
        scores |= redraws.scores(bench, bench.eye.split(seen), blocks)
        return {"episode": list(range(len(episodes))), **episode_columns(scores)}

    condition: dict[str, Scalar] = {
        "episodes": "calibration",
        "model_steps": bench.model_steps_per_episode,
    }
    if bench.recorded is not None:
        condition["driven_by"] = RECORDING
    key = bench.key(SUITE, "model", condition, cases=bench.calibration.digest)
    return bench.runner.run(key, rows)


def calibrate(cell: Cell, false_alarms: float) -> list[CalibratedMonitor]:
    """Thresholds from the scores of the calibration episodes: pure, no model.

    Raises:
        EnvelopeError: the cell has too few episodes for the rate; the message has the number.
        ValueError: the cell crashed, or is none of calibration.
    """
    return [
        _calibrated(cell, monitor, false_alarms)
        for monitor in MONITORS.values()
        if monitor.name in cell.rows
    ]


def left_out(cell: Cell) -> list[NotMeasured]:
    """Monitors that have no scores among the calibration rows."""
    return [
        NotMeasured(
            what=f"monitor {name}",
            reason="the model offers no predictions with dropout"
            if name == Dropout.name
            else "it has no calibration scores",
            settle="a model trained with dropout" if name == Dropout.name else "measure again",
        )
        for name in MONITORS
        if name not in cell.rows
    ]


def calibrated_floor(cells: Sequence[Cell], false_alarms: float) -> CalibratedMonitor | None:
    """The floor with a threshold for the same rate; None where its scores are not among the rows.

    Raises:
        EnvelopeError: as `calibrate`.
    """
    for cell in cells:
        if cell.suite == SUITE and cell.status == "done" and FLOOR.name in cell.rows:
            return _calibrated(cell, FLOOR, false_alarms)
    return None


def _calibrated(cell: Cell, monitor: type[Monitor], false_alarms: float) -> CalibratedMonitor:
    if cell.status != "done" or cell.condition.get("episodes") != "calibration":
        raise ValueError(f"not a finished calibration cell: {cell.condition}, {cell.error}")
    return CalibratedMonitor(
        name=monitor.name,
        statistic=monitor.statistic,
        threshold=conformal_threshold(numbers(cell, monitor.name), false_alarms),
        false_alarms_per_episode=false_alarms,
        calibration=Calibration(
            method="split_conformal",
            episodes=len(cell.rows["episode"]),
            episodes_digest=cell.cases,
            model_steps_per_episode=int(cell.condition["model_steps"]),
            driven_by=RECORDING if cell.condition.get("driven_by") == RECORDING else "planner",
        ),
    )


def alarms(
    cell: Cell, monitor: CalibratedMonitor, *, suffix: str = "", kept: Sequence[int] | None = None
) -> NDArray[np.bool_]:
    """Which rows of a cell alarm, (N,): a score above the threshold."""
    scores = numbers(cell, monitor.name + suffix)
    chosen = scores if kept is None else scores[list(kept)]
    return np.asarray(chosen > monitor.threshold)
