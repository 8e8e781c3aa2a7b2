"""The same update by one process or by several: `python -m tests.lewm.ranks OUT` writes rank 0's.

Every process takes its share of one batch; statistics and gradients are those of the whole.
"""

import sys
from dataclasses import replace

import torch

from lewm.build import WorldModelModule, new_model
from lewm.config import tiny
from lewm.training.distributed import (
    average_gradients,
    mean_over_ranks,
    rank,
    share_of,
    torchrun_ranks,
)
from lewm.training.objective import Objective
from tests.lewm.test_train import CONFIG

REGULARIZERS = ("sigreg", "vicreg", "pldm", "spectral", "none")
BATCH_SIZE = 8


def losses_and_gradients(dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """By name: both losses of every regularizer, the gradients and running statistics it leaves."""
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randn(BATCH_SIZE, 4, 3, 16, 16, generator=generator, dtype=torch.float64)
    blocks = torch.randn(BATCH_SIZE, 3, 5, 2, generator=generator, dtype=torch.float64)
    share = share_of(BATCH_SIZE)
    pixels, blocks = pixels[share].to(dtype), blocks[share].to(dtype)
    found = {}
    for regularizer in REGULARIZERS:
        model = _awake().to(dtype).train()
        objective = Objective(replace(CONFIG, regularizer=regularizer))
        z = model.encode(pixels)
        losses = objective(z, model.predict_window(z, blocks), update=0)
        losses.total.backward()
        average_gradients(model.parameters())
        found[f"{regularizer}/prediction"] = mean_over_ranks(losses.prediction.detach())
        found[f"{regularizer}/regularizer"] = losses.regularizer.detach()
        for name, parameter in model.named_parameters():
            if parameter.grad is not None:
                found[f"{regularizer}/{name}"] = parameter.grad
        for name, buffer in model.named_buffers():
            found[f"{regularizer}/{name}"] = buffer
    return found


def _awake() -> WorldModelModule:
    """A model that tells frames apart: the first BatchNorm of an untrained one divides by almost
    nothing, and what float32 rounds would be seen a hundredfold."""
    model = new_model(replace(tiny(), dropout=0.0), seed=0)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn(parameter.shape, generator=generator)
    return model


def main() -> None:
    torch.set_num_threads(1)
    with torchrun_ranks("cpu"):
        found = {
            str(dtype): losses_and_gradients(dtype) for dtype in (torch.float64, torch.float32)
        }
        if rank() == 0:
            torch.save(found, sys.argv[1])


if __name__ == "__main__":
    main()
