"""Candidates for the gate, and how it is called on them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.cli.commands import Done, envelope

CRITERIA = ("--criteria", "loose.yaml")
ATTESTED = ("--envelope", "ckpt.envelope/attestation.json", "--key", "lab.pub")
SMALL: dict[str, Any] = {
    "num_cases": 40,
    "num_streams": 1,
    "num_calibration_episodes": 14,
    "num_scoring_episodes": 20,
    "model_steps_per_episode": 10,
}
"""Of the profile that the gate runs in tests."""


def nudged(base: Path, path: Path, *, by: float, **changes: Any) -> None:
    """Write a candidate whose predictor is the base's with noise on every weight.

    Args:
        base: checkpoint.
        path: where to write it.
        by: size of the noise.
        changes: other values for fields of the checkpoint.
    """
    import torch

    from lewm.checkpoints.checkpoint import load_checkpoint, save_checkpoint

    checkpoint = load_checkpoint(base)
    generator = torch.Generator().manual_seed(0)
    tensors = {
        name: tensor + by * torch.randn(tensor.shape, generator=generator)
        if name.startswith("predictor.") and tensor.is_floating_point()
        else tensor
        for name, tensor in checkpoint.tensors.items()
    }
    step = {"name": f"noise of {by:g} on the predictor", "from": checkpoint.sha256}
    made = replace(checkpoint, tensors=tensors, tuning=[*checkpoint.tuning, step])
    save_checkpoint(path, replace(made, **changes))


def gate(
    *words: str | Path, base: str | Path = "base.pt", candidate: str | Path = "tuned.pt"
) -> Done:
    """`envelope gate` under mild criteria."""
    return envelope("gate", "--base", base, "--candidate", candidate, *CRITERIA, *words)
