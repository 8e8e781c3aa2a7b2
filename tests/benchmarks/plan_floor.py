"""The least a plan can take: the operations and bytes that remain after every exact saving."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lewm.model import LeWM
from lewm.planning.fastplan import imagine_rows, known_windows, worker_threads
from lewm.planning.linears import Activation, Linear, TorchLinear, faster_library, make_linear_by
from lewm.planning.packed import PackedPredictor
from lewm.planning.rowwise import TorchRowwise


@dataclass(frozen=True)
class Floor:
    """Of one iteration."""

    operations: float
    """Of the matrix products alone."""
    num_bytes: float
    """Each product's weight, input and output once."""


def floor_of(model: LeWM, z: Tensor, past: Tensor, candidates: Tensor) -> Floor:
    """Count what the packed predictor multiplies for candidates (1, S, T, K, A)."""
    counts = [0.0, 0.0]

    def counting(weight: Tensor, bias: Tensor | None, activation: Activation) -> Linear:
        single = weight.float(), None if bias is None else bias.float()
        linear = TorchLinear(*single, activation)

        def count(x: Tensor) -> Tensor:
            y = linear(x)
            counts[0] += 2 * x.shape[0] * weight.numel()
            counts[1] += 4 * (weight.numel() + x.numel() + y.numel())
            return y

        return count

    predictor = PackedPredictor(model, counting, TorchRowwise(model.config.predictor_heads))
    with torch.no_grad():
        known = torch.split(predictor.take_in(z[0]), 1)
        windows = known_windows(predictor, known, past.flatten(start_dim=2)[0])
        counts[:] = [0.0, 0.0]
        imagine_rows(predictor, known, windows, candidates[0], every_step=False)
    return Floor(*counts)


def peak_flops(num_threads: int) -> float:
    """Operations per second of the fastest matrix product here, all threads at work."""

    def work() -> float:
        library = faster_library(192, 3072)
        linear = make_linear_by(library, "float32")(torch.ones(3072, 192), None, "none")
        x = torch.ones(256, 192)
        return min(_seconds(lambda: linear(x)) for _ in range(200))

    pool = worker_threads(num_threads, os.getpid())
    with torch.no_grad():
        slowest = max(task.result() for task in [pool.submit(work) for _ in range(num_threads)])
    return num_threads * 2 * 256 * 192 * 3072 / slowest


def peak_flops_cuda(dtype: torch.dtype) -> float:
    """Operations per second of a large square product on the GPU."""
    x = torch.ones(8192, 8192, dtype=dtype, device="cuda")

    def work() -> None:
        x @ x
        torch.cuda.synchronize()

    return 2 * 8192**3 / min(_seconds(work) for _ in range(10))


def peak_bandwidth(device: str) -> float:
    """Bytes per second, read and written, of a large copy."""
    source = torch.ones(64 << 20, device=device)
    target = torch.empty_like(source)

    def work() -> None:
        target.copy_(source)
        if device == "cuda":
            torch.cuda.synchronize()

    return 2 * 4 * source.numel() / min(_seconds(work) for _ in range(5))


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
