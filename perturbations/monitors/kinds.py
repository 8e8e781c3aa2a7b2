"""Monitors: a score for every model step.

Shapes in this module:
    E  episodes     B  model steps     D  latent width     P  numbers in a thumbnail
    K  env steps per block             A  action width

The pixel floor needs no model: it is what a monitor has to beat to be worth its name, and nobody
relies on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from perturbations.monitors.ensemble import Ensemble
from perturbations.seeding import derive_seed

if TYPE_CHECKING:
    from perturbations.latents import Seen
    from perturbations.protocols import WorldModel
    from perturbations.setting import Setting


SUITE = "monitors"
"""Name under which the calibration cell is filed."""


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


def monitors_of(setting: "Setting", ensemble: Ensemble) -> list[Monitor]:
    """The monitors that this model can have, and the floor."""
    found: list[Monitor] = [Surprise(setting.model), Shell(), Disagreement(ensemble)]
    if getattr(setting.model, "predict_with_dropout", None) is not None:
        found.append(Dropout(setting.model, derive_seed(setting.seed, "dropout")))
    return [*found, PixelFloor()]
