"""Monitors: a score for every model step, and a threshold with a guarantee per episode.

Shapes in this module:
    E  episodes     B  model steps     D  latent width
    K  env steps per block             A  action width

An episode alarms when its largest score exceeds the threshold. A new monitor is one more entry in
`MONITORS`; the suites record a column of scores for each, and never an alarm, so that a threshold
can change without a model.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from envelope.records import CalibratedMonitor, Calibration, Cell
from perturbations.rows import numbers
from perturbations.stats import conformal_threshold

if TYPE_CHECKING:
    from torch import Tensor

    from perturbations.bench import Bench
    from perturbations.protocols import WorldModel

SUITE = "monitors"
"""Name under which the calibration cell is filed."""


class Monitor(Protocol):
    """A score per model step."""

    name: str
    statistic: str
    """What is compared with the threshold, in words."""

    def scores(
        self, model: "WorldModel", z: "Tensor", blocks: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Scores (E, B) of latents z (E, B+1, D) under blocks (E, B, K, A).

        Entry t may rest on what was seen up to t + 1.
        """
        ...


class Surprise:
    """Squared latent error of the one-step prediction from what was really seen."""

    name = "surprise"
    statistic = "largest squared latent error of a one-step prediction in the episode"

    def scores(
        self, model: "WorldModel", z: "Tensor", blocks: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Scores as in `Monitor`; the prediction has the history the model was trained with."""
        from perturbations import latents

        return latents.surprise(model, z, blocks)


MONITORS: Mapping[str, Monitor] = {monitor.name: monitor for monitor in (Surprise(),)}
"""Every monitor by name."""


def all_scores(
    model: "WorldModel", z: "Tensor", blocks: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Scores (E, B) of every monitor."""
    return {name: monitor.scores(model, z, blocks) for name, monitor in MONITORS.items()}


def episode_columns(scores: Mapping[str, NDArray[np.float64]]) -> dict[str, list[float]]:
    """The statistic of each episode by monitor: its largest score."""
    return {name: found.max(axis=1).tolist() for name, found in scores.items()}


def calibration_cell(bench: "Bench") -> Cell:
    """Scores of the calibration episodes."""

    def rows() -> dict[str, list[float]]:
        from perturbations import latents

        episodes = bench.lawful_calibration
        latents.check_steady(bench.model, bench.world.render(episodes.states[:4, 0]))
        z = latents.encode(
            bench.model,
            latents.clean(bench.world),
            episodes.block_states(bench.block_size),
            np.arange(len(episodes)),
        )
        scores = all_scores(bench.model, z, episodes.blocks(bench.block_size))
        return {"episode": list(range(len(episodes))), **episode_columns(scores)}

    key = bench.key(
        SUITE,
        "model",
        {"episodes": "calibration", "model_steps": bench.model_steps_per_episode},
        cases=bench.calibration.digest,
    )
    return bench.runner.run(key, rows)


def calibrate(cell: Cell, false_alarms: float) -> list[CalibratedMonitor]:
    """Thresholds from the scores of the calibration episodes: pure, no model.

    Raises:
        EnvelopeError: the cell has too few episodes for the rate; the message has the number.
        ValueError: the cell crashed, or is none of calibration.
    """
    if cell.status != "done" or cell.condition.get("episodes") != "calibration":
        raise ValueError(f"not a finished calibration cell: {cell.condition}, {cell.error}")
    num_episodes = len(cell.rows["episode"])
    return [
        CalibratedMonitor(
            name=name,
            statistic=monitor.statistic,
            threshold=conformal_threshold(numbers(cell, name), false_alarms),
            false_alarms_per_episode=false_alarms,
            calibration=Calibration(
                method="split_conformal",
                episodes=num_episodes,
                episodes_digest=cell.cases,
                model_steps_per_episode=int(cell.condition["model_steps"]),
            ),
        )
        for name, monitor in MONITORS.items()
        if name in cell.rows
    ]


def alarms(
    cell: Cell, monitor: CalibratedMonitor, *, suffix: str = "", kept: Sequence[int] | None = None
) -> NDArray[np.bool_]:
    """Which rows of a cell alarm, (N,): a score above the threshold."""
    scores = numbers(cell, monitor.name + suffix)
    chosen = scores if kept is None else scores[list(kept)]
    return np.asarray(chosen > monitor.threshold)
