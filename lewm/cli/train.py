"""`lewm train`: a world model from episodes."""

import os
from pathlib import Path
from typing import Any

import click

from lewm.cli.options import Finite, seed_option
from lewm.errors import LewmError


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="HDF5 episodes.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Checkpoint to write.")
@click.option("--preset", type=click.Choice(["paper", "small", "tiny"]), default="small")
@seed_option
@click.option("--updates", type=click.IntRange(1), default=1500, show_default=True)
@click.option("--batch-size", type=click.IntRange(2), default=128, show_default=True)
@click.option("--learning-rate", type=Finite(0, min_open=True), default=5e-4, show_default=True)
@click.option("--sigreg-weight", type=Finite(0), default=0.02, show_default=True)
@click.option(
    "--final-sigreg-weight",
    type=Finite(0),
    default=0.0005,
    show_default=True,
    help="Reached after two fifths of the updates.",
)
@click.option(
    "--schedule-updates",
    type=click.IntRange(1),
    help="Updates the learning rate's cosine is built for; those that are run unless given.",
)
def train(
    data: Path,
    out: Path,
    preset: str,
    seed: int,
    updates: int,
    batch_size: int,
    learning_rate: float,
    sigreg_weight: float,
    final_sigreg_weight: float,
    schedule_updates: int | None,
) -> None:
    """Train a world model on episodes.

    The defaults are those of the bundled model. The recipe of the paper holds the weight of SIGReg
    (`--sigreg-weight 0.09 --final-sigreg-weight 0.09`) and builds the schedule for ten times the
    updates that it runs.

    \b
    Example:
        lewm train --data data.h5 --out ckpt.pt

    Exit status: 0 done, 2 not.
    """
    from lewm import config as presets
    from lewm.checkpoint import Checkpoint, save_checkpoint
    from lewm.file_source import FileSource
    from lewm.plan_config import paper_planner, small_planner
    from lewm.train import train as run
    from lewm.train_config import TrainConfig

    _require_place_for(out)
    if schedule_updates is not None and schedule_updates < updates:
        raise LewmError(
            f"--schedule-updates is {schedule_updates}, fewer than the {updates} updates to run",
            next_step="give as many or more",
        )
    recipe = TrainConfig(
        seed=seed,
        batch_size=batch_size,
        num_updates=updates,
        schedule_updates=schedule_updates or updates,
        warmup_updates=max(1, updates // 15),
        learning_rate=learning_rate,
        weight_decay=1e-3,
        clip_norm=1.0,
        sigreg_weight=sigreg_weight,
        final_sigreg_weight=final_sigreg_weight,
        sigreg_anneal_updates=max(1, 2 * updates // 5),
        num_projections=128,
        calibration_batches=100,
        log_every_updates=max(1, updates // 20),
    )
    with FileSource(data) as source:
        scope = _collected_in(source.provenance, data)
        model_config = getattr(presets, preset)(action_width=source.action_width)
        if scope["size_px"] != model_config.image_size:
            raise LewmError(
                f"{data} has frames of {scope['size_px']} px, the preset {preset} sees "
                f"{model_config.image_size} px",
                next_step=f"collect with --size-px {model_config.image_size}, or choose another "
                "--preset",
            )
        result = run(model_config, recipe, source, progress=lambda at: click.echo(at.line()))
    digest = save_checkpoint(
        out,
        Checkpoint(
            config=model_config,
            tensors=dict(result.model.state_dict()),
            action_stats=result.action_stats,
            world=scope,
            plan_config=paper_planner() if preset == "paper" else small_planner(),
            training=result.record,
        ),
    )
    click.echo(f"{out}  sha256 {digest}")


def _collected_in(provenance: dict[str, Any], data: Path) -> dict[str, Any]:
    """The world's scope, out of what a data set says of its collection."""
    try:
        return {key: provenance[key] for key in ("world", "size_px", "factors")}
    except KeyError:
        raise LewmError(
            f"{data} does not say which world it was collected in",
            next_step="collect it with `lewm collect`",
        ) from None


def _require_place_for(out: Path) -> None:
    """Refuse before training what could only fail after it."""
    if out.suffix not in (".pt", ".safetensors"):
        raise LewmError(
            f"{out} ends in {out.suffix or 'nothing'}, a checkpoint in .pt or .safetensors",
            next_step="choose one of these suffixes",
        )
    if not out.parent.is_dir() or not os.access(out.parent, os.W_OK) or out.is_dir():
        raise LewmError(
            f"{out} cannot be written: its folder is not there, or not writable",
            next_step="make the folder, or choose another",
        )
