"""BatchNorm over the batch of all processes together.

Shapes in this module:
    N  rows of this rank      W  ranks      C  channels

`nn.SyncBatchNorm` exists for GPUs only. This one needs two differentiable means over the ranks, and
in a single process it is `nn.BatchNorm1d` itself.
"""

from contextlib import nullcontext

import torch
from torch import Tensor, nn

from lewm.training.distributed import mean_over_ranks, num_ranks


class BatchNorm(nn.BatchNorm1d):
    """`nn.BatchNorm1d`, never in less than the precision of its weight, and one batch for all."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C) to (N, C)."""
        with nullcontext() if x.is_meta else torch.autocast(x.device.type, enabled=False):
            x = x.to(self.weight.dtype)
            if self.training and num_ranks() > 1:
                return self._over_all_ranks(x)
            return super().forward(x)

    def _over_all_ranks(self, x: Tensor) -> Tensor:
        mean = mean_over_ranks(x.mean(dim=0))  # (C,)
        centred = x - mean
        var = mean_over_ranks(centred.square().mean(dim=0))
        self._remember(mean.detach(), var.detach(), len(x) * num_ranks())
        return torch.addcmul(self.bias, centred * torch.rsqrt(var + self.eps), self.weight)

    @torch.no_grad()
    def _remember(self, mean: Tensor, var: Tensor, num_rows: int) -> None:
        """Move the running statistics as `F.batch_norm` does: the unbiased variance."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        weight = self.momentum or 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, weight)
        self.running_var.lerp_(var * num_rows / (num_rows - 1), weight)
