"""Logged updates as TensorBoard curves. Needs tensorboardX: `pip install '...[tensorboard]'`.

tensorboardX writes the same event files as TensorBoard's own writer and needs protobuf alone; the
viewer may live elsewhere.
"""

from pathlib import Path

from lewm.closing import Closing
from lewm.errors import LewmError
from lewm.training.train_log import Progress


class TensorBoard(Closing):
    """Curves in a folder; one per quantity, over updates."""

    def __init__(self, folder: Path) -> None:
        """Begin event files in `folder`.

        Raises:
            LewmError: tensorboardX is not installed.
        """
        try:
            from tensorboardX import SummaryWriter
        except ModuleNotFoundError as error:
            raise LewmError(
                f"--tensorboard needs {error.name}, which is not installed",
                next_step="pip install 'world-model-envelope[tensorboard]'",
            ) from error
        self._writer = SummaryWriter(str(folder))

    def close(self) -> None:
        """Finish the files."""
        self._writer.close()

    def __call__(self, progress: Progress) -> None:
        values = {
            "loss/prediction": progress.prediction_loss,
            "loss/regularizer": progress.regularizer_loss,
            "latent/sigreg": progress.sigreg,
            "latent/std": progress.latent_std,
            "latent/straightness": progress.straightness,
            "latent/alarms": len(progress.alarms),
            "updates/learning_rate": progress.learning_rate,
            "updates/grad_norm": progress.grad_norm,
            "updates/windows_per_second": progress.windows_per_second,
        }
        for name, value in values.items():
            self._writer.add_scalar(name, value, progress.update)
