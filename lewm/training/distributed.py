"""Several processes that train one model, each on its share of every batch.

Shapes in this module:
    W  ranks (processes)

Everything is the identity in a single process. What is a mean over the batch becomes a mean over
the ranks' means, for shares are equal; gradients flow through it to every rank. The convention:
the loss of the run is the mean of the ranks' losses, so parameter gradients are averaged once, at
the end of the backward pass.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from lewm.errors import LewmError


def num_ranks() -> int:
    """Processes of this run; 1 where none were started together."""
    return dist.get_world_size() if _started() else 1


def rank() -> int:
    """This process among them, from 0; rank 0 writes files."""
    return dist.get_rank() if _started() else 0


@contextmanager
def torchrun_ranks(device: str) -> Iterator[None]:
    """Inside, the processes that `torchrun` started know each other: gloo, and nccl on `cuda`."""
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        yield
        return
    backend = "cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo"
    dist.init_process_group(backend, timeout=timedelta(minutes=10))
    try:
        yield
    finally:
        dist.destroy_process_group()


def mean_over_ranks(x: Tensor) -> Tensor:
    """The mean of every rank's `x`, any shape, with a gradient to each of them."""
    if num_ranks() == 1:
        return x
    return cast(Tensor, _MeanOverRanks.apply(x))  # type: ignore[no-untyped-call]


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace every gradient by its mean over the ranks, in one message per dtype."""
    if num_ranks() == 1:
        return
    by_dtype: dict[torch.dtype, list[Tensor]] = {}
    for parameter in parameters:
        if parameter.grad is not None:
            by_dtype.setdefault(parameter.grad.dtype, []).append(parameter.grad)
    for grads in by_dtype.values():
        flat = torch.cat([grad.reshape(-1) for grad in grads])
        dist.all_reduce(flat)
        flat /= num_ranks()
        pieces = flat.split([grad.numel() for grad in grads])  # type: ignore[no-untyped-call]
        for grad, piece in zip(grads, pieces, strict=True):
            grad.copy_(piece.view_as(grad))


def gather_to_all(x: Tensor) -> list[Tensor]:
    """Every rank's `x` (one shape everywhere), in rank order, on every rank."""
    if num_ranks() == 1:
        return [x]
    everyone = [torch.empty_like(x) for _ in range(num_ranks())]
    dist.all_gather(everyone, x)
    return everyone


def wait_for_all() -> None:
    """Return when every rank is here."""
    if num_ranks() > 1:
        dist.barrier()


def share_of(batch_size: int) -> slice:
    """This rank's part of a batch.

    Raises:
        LewmError: the batch does not divide evenly.
    """
    ranks = num_ranks()
    if batch_size % ranks:
        raise LewmError(
            f"a batch of {batch_size} does not divide among {ranks} processes",
            next_step=f"choose a batch size that is a multiple of {ranks}",
        )
    part = batch_size // ranks
    return slice(rank() * part, (rank() + 1) * part)


def _started() -> bool:
    return dist.is_available() and dist.is_initialized()


class _MeanOverRanks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.detach().clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total / num_ranks()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        total = grads[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total / num_ranks()
