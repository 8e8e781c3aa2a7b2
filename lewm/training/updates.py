"""One update: forward, backward, clip, step.

Shapes in this module:
    B  batch of this rank      F  frames of a window      D  latent width
    K  env steps per block     A  action width
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lewm.build import WorldModelModule
from lewm.training.distributed import average_gradients
from lewm.training.objective import Losses, Objective
from lewm.training.schedule import learning_rate
from lewm.training.train_config import TrainConfig


@dataclass(frozen=True)
class Outcome:
    """What an update saw; tensors, so that nothing waits for a device."""

    losses: Losses
    z: Tensor
    """Latents, float32 or more, (B, F, D), without a gradient."""
    grad_norm: Tensor
    """Before clipping, over all ranks."""


class Updater:
    """A model, its optimizer and its objective.

    Source: the recipe of LeWM (arXiv:2603.19312) as its code runs it: AdamW without exceptions,
    clipping of the global norm, gradients through prediction and target.
    """

    def __init__(self, model: WorldModelModule, config: TrainConfig) -> None:
        self.model = model
        self.config = config
        self.objective = Objective(config)
        self.optimizer = torch.optim.AdamW(
            model.parameters(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=True,
        )

    def __call__(self, pixels: Tensor, blocks: Tensor, *, update: int) -> Outcome:
        """Move the weights once.

        Args:
            pixels: normalized frames of this rank's windows, (B, F, 3, size, size).
            blocks: normalized actions between them, (B, F - 1, K, A).
            update: its number, from 0.
        """
        rate = learning_rate(update, self.config)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        half = self.config.precision == "bf16"
        with torch.autocast(pixels.device.type, dtype=torch.bfloat16, enabled=half):
            z = self.model.encode(pixels)
            z_hat = self.model.predict_window(z, blocks)
        z = z.float() if half else z
        losses = self.objective(z, z_hat, update=update)
        self.optimizer.zero_grad(set_to_none=True)
        losses.total.backward()  # type: ignore[no-untyped-call]
        average_gradients(self.model.parameters())
        norm = nn.utils.clip_grad_norm_(
            self.model.parameters(), self.config.clip_norm, foreach=True
        )
        self.optimizer.step()
        return Outcome(losses, z.detach(), norm.detach())
