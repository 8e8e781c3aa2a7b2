"""Monitors: a score for every model step, and a threshold with a guarantee per episode.

Shapes in this module:
    E  episodes     B  model steps     D  latent width     P  numbers in a thumbnail
    K  env steps per block             A  action width

An episode alarms when its largest score exceeds the threshold. The suites record a column of
scores for each monitor, and never an alarm, so that a threshold can change without a model.

Each monitor keeps its own stated rate of false alarms; several together alarm more often, which
is measured (docs/decisions/0006). The pixel floor needs no model: it is what a monitor has to beat
to be worth its name, and nobody relies on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from envelope.records import CalibratedMonitor, Calibration, Cell, NotMeasured, Scalar
from perturbations.ensemble import Ensemble
from perturbations.rows import numbers
from perturbations.stats import conformal_threshold

if TYPE_CHECKING:
    from torch import Tensor

    from perturbations.bench import Bench
    from perturbations.latents import Seen
    from perturbations.protocols import WorldModel

SUITE = "monitors"
"""Name under which the calibration cell is filed."""
RECORDING: Literal["recording"] = "recording"
"""Who chose the actions of calibration episodes that the planner did not drive."""


class Monitor(Protocol):
    """A score per model step."""

    name: ClassVar[str]
    statistic: ClassVar[str]
    """What is compared with the threshold, in words."""

    def scores(self, seen: "Seen", blocks: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores (E, B) of what was seen at B+1 times, under blocks (E, B, K, A).

        Entry t may rest on what was seen up to t + 1.
        """
        ...


@dataclass(frozen=True)
class Surprise:
    """Squared latent error of the one-step prediction from what was really seen.

    The prediction has the history that the model was trained with.
    """

    name: ClassVar[str] = "surprise"
    statistic: ClassVar[str] = (
        "largest squared latent error of a one-step prediction in the episode"
    )
    model: "WorldModel"

    def scores(self, seen: "Seen", blocks: NDArray[np.float64]) -> NDArray[np.float64]:
        """As in `Monitor`."""
        from perturbations import latents

        return latents.surprise(self.model, seen.z, blocks)


@dataclass(frozen=True)
class Shell:
    """Distance of the latent norm from the root of the latent width.

    A regulariser that asks for isotropic Gaussian latents leaves them on a shell of that radius.
    Source of the score: GhostOfRazgriz1/lewm-uncertainty, whose code has no licence; written anew.
    """

    name: ClassVar[str] = "shell"
    statistic: ClassVar[str] = (
        "largest distance of the latent norm from the root of the latent width"
    )

    def scores(self, seen: "Seen", blocks: NDArray[np.float64]) -> NDArray[np.float64]:
        """As in `Monitor`; entry t is about the latent at t + 1 alone."""
        from perturbations import latents

        z = latents.array(seen.z[:, 1:])
        return np.asarray(np.abs(np.linalg.norm(z, axis=-1) - np.sqrt(z.shape[-1])))


@dataclass(frozen=True)
class Disagreement:
    """How far the heads of a small ensemble are apart on the latent."""

    name: ClassVar[str] = "disagreement"
    statistic: ClassVar[str] = "largest spread of eight one-step heads on a latent of the episode"
    ensemble: Ensemble

    def scores(self, seen: "Seen", blocks: NDArray[np.float64]) -> NDArray[np.float64]:
        """As in `Monitor`; entry t is about the latent at t + 1 alone."""
        from perturbations import latents

        return self.ensemble.spread(latents.array(seen.z[:, 1:]))


@dataclass(frozen=True)
class Dropout:
    """How far one-step predictions are apart when the model's own dropout is left on.

    Entry t is about the prediction of t + 1, made before it was seen: what is wrong with a frame
    shows one model step later.
    """

    name: ClassVar[str] = "dropout"
    statistic: ClassVar[str] = (
        "largest spread of eight one-step predictions with dropout in the episode"
    )
    model: "WorldModel"
    seed: int

    def scores(self, seen: "Seen", blocks: NDArray[np.float64]) -> NDArray[np.float64]:
        """As in `Monitor`."""
        from perturbations import latents

        return latents.dropout_spread(self.model, seen.z, blocks, self.seed)


@dataclass(frozen=True)
class PixelFloor:
    """Mean squared change of the thumbnail from one frame to the next; no model at all."""

    name: ClassVar[str] = "pixel_floor"
    statistic: ClassVar[str] = "largest mean squared change of a small picture from frame to frame"

    def scores(self, seen: "Seen", blocks: NDArray[np.float64]) -> NDArray[np.float64]:
        """As in `Monitor`."""
        from perturbations import latents

        change = np.diff(latents.array(seen.thumbnails), axis=1)
        return np.asarray(np.square(change).mean(axis=-1))


MONITORS: Mapping[str, type[Monitor]] = {
    monitor.name: monitor for monitor in (Surprise, Shell, Disagreement, Dropout)
}
"""Every monitor that a deployment may rely on, by name."""
FLOOR: type[Monitor] = PixelFloor


def monitors_of(bench: "Bench") -> list[Monitor]:
    """The monitors that this model can have, and the floor.

    Raises:
        ValueError: the latents that the ensemble is to be fitted on are not finite numbers.
    """
    from perturbations.seeding import derive_seed

    found: list[Monitor] = [Surprise(bench.model), Shell(), Disagreement(bench.ensembles[0])]
    if getattr(bench.model, "predict_with_dropout", None) is not None:
        found.append(Dropout(bench.model, derive_seed(bench.seed, "dropout")))
    return [*found, PixelFloor()]


def all_scores(
    bench: "Bench", seen: "Tensor", blocks: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Scores (E, B) of every monitor and of the floor.

    Args:
        bench: has the monitors.
        seen: what the bench's eye made of the frames, (E, B+1, D+P).
        blocks: actions as executed, (E, B, K, A).
    """
    parts = bench.eye.split(seen)
    return {monitor.name: monitor.scores(parts, blocks) for monitor in bench.monitors}


def episode_columns(scores: Mapping[str, NDArray[np.float64]]) -> dict[str, list[float]]:
    """The statistic of each episode by monitor: its largest score."""
    return {name: found.max(axis=1).tolist() for name, found in scores.items()}


def calibration_cell(bench: "Bench") -> Cell:
    """Scores of the calibration episodes."""

    def rows() -> dict[str, list[float]]:
        from perturbations import latents, redraws

        episodes = bench.lawful_calibration
        latents.check_steady(bench.model, bench.world.render(episodes.states[:4, 0]))
        seen = latents.encode(
            bench.eye,
            latents.clean(bench.world),
            episodes.block_states(bench.block_size),
            np.arange(len(episodes)),
        )
        blocks = episodes.blocks(bench.block_size)
        scores = all_scores(bench, seen, blocks)
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
