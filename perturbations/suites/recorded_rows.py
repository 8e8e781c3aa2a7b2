"""Rows of the representation suite where nothing can be done twice.

Shapes in this module:
    E  episodes     B  model steps     D  latent width     K  env steps per block
    A  action width     O  other blocks
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from perturbations import latents
from perturbations.seeding import derive_seed

if TYPE_CHECKING:
    from perturbations.bench import Bench

_OTHERS = 8


def actions(bench: "Bench") -> dict[str, list[Any]]:
    """Per episode: how far the imagined answer to the action taken follows the real one.

    In a simulator two actions are tried from one state. Here the other is what is imagined on
    average for the blocks of other episodes, and both answers are differences from that: what was
    seen, and what is imagined for the block that was taken. `followed` is their inner product and
    `real` the square of the real one, so a model that ignores actions follows nothing of it, and
    a perfect one all. Every error of the model counts against it as well.
    """
    blocks = bench.lawful_scoring.blocks(bench.block_size)  # (E, B, K, A)
    num, steps = blocks.shape[:2]
    rng = np.random.default_rng(derive_seed(bench.seed, "actions"))
    every, time = np.arange(num), rng.integers(steps, size=num)
    z = bench.scoring_latents
    start, seen = z[every, time], z[every, time + 1].double()
    others = [
        blocks[(every + 1 + rng.integers(max(num - 1, 1), size=num)) % num, time]
        for _ in range(_OTHERS)
    ]
    taken, *instead = (
        latents.rollout(bench.model, start, block[:, None])[:, 0].double()
        for block in (blocks[every, time], *others)
    )
    average = torch.stack(instead).mean(dim=0)
    imagined, real = taken - average, seen - average
    return {
        "episode": list(range(num)),
        "followed": (imagined * real).sum(dim=-1).tolist(),
        "real": real.square().sum(dim=-1).tolist(),
    }
