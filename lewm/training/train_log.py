"""What a training run says of itself while it goes on.

Shapes in this module:
    B  batch      T  frames of a window      D  latent width
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from lewm.training.alarms import AlarmWatch


@dataclass(frozen=True)
class Progress:
    """What one logged update looked like."""

    update: int
    prediction_loss: float
    sigreg: float
    """The statistic, also where another regularizer is at work."""
    regularizer_loss: float
    """What was added to the prediction loss."""
    latent_std: float
    """Mean over dimensions."""
    straightness: float
    """Mean cosine between successive changes of the latent; 1 on a straight line."""
    grad_norm: float
    """Before clipping."""
    learning_rate: float
    seconds: float
    """Since training began, pauses between a kill and a resume left out."""
    windows_per_second: float
    """Since the last logged update."""
    alarms: tuple[str, ...]

    def line(self) -> str:
        return (
            f"update {self.update:6d}  prediction {self.prediction_loss:.5f}  "
            f"sigreg {self.sigreg:.3f}  latent std {self.latent_std:.3f}  {self.seconds:.0f} s"
        )

    def to_record(self) -> dict[str, Any]:
        """Plain JSON data without anything the clock decides."""
        return {
            "update": self.update,
            "prediction": self.prediction_loss,
            "sigreg": self.sigreg,
            "regularizer": self.regularizer_loss,
            "latent_std": self.latent_std,
            "straightness": self.straightness,
            "grad_norm": self.grad_norm,
            "alarms": list(self.alarms),
        }

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain JSON data."""
        return {**asdict(self), "alarms": list(self.alarms)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Progress":
        """Rebuild from `to_json()`."""
        return cls(**{**data, "alarms": tuple(data["alarms"])})


class Teller:
    """Says each logged update in a line, alarms when they start and stop, and all in the end."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._watch = AlarmWatch()

    def __call__(self, progress: Progress) -> None:
        self._say(progress.line())
        for line in self._watch.changes(progress.update, progress.alarms):
            self._say(f"  {line}")

    def finish(self) -> None:
        """Sum up the alarms of the run."""
        for line in self._watch.summary():
            self._say(line)


def straightness(z: Tensor) -> Tensor:
    """Mean cosine between successive changes of latents z (B, T, D); 0 where T is below 3.

    Source: the temporal straightening metric of LeWM (arXiv:2603.19312).
    """
    if z.shape[1] < 3:
        return z.new_zeros(())
    change = z[:, 1:] - z[:, :-1]
    return torch.cosine_similarity(change[:, 1:], change[:, :-1], dim=-1).mean()
