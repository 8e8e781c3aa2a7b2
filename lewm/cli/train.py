"""`lewm train`: a world model from episodes."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from lewm.cli.options import Finite, seed_option
from lewm.errors import LewmError

if TYPE_CHECKING:
    from lewm.training.tuning import Start, Unfreeze


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Episodes.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Checkpoint to write.")
@click.option(
    "--preset",
    type=click.Choice(["paper", "small", "tiny", "fast-paper", "fast-small", "fast-tiny"]),
    default="small",
    help="fast-: with a predictor that jumps over several blocks at once.",
)
@click.option(
    "--from",
    "base",
    type=click.Path(path_type=Path),
    help="Checkpoint to train on from, instead of a preset.",
)
@click.option(
    "--unfreeze",
    type=click.Choice(["encoder", "predictor", "all"]),
    default="all",
    show_default=True,
    help="What is tuned with --from; the rest stays as it is.",
)
@seed_option
@click.option("--updates", type=click.IntRange(1), default=1500, show_default=True)
@click.option("--batch-size", type=click.IntRange(2), default=128, show_default=True)
@click.option("--learning-rate", type=Finite(0, min_open=True), default=5e-4, show_default=True)
@click.option(
    "--regularizer",
    type=click.Choice(["sigreg", "vicreg", "pldm", "spectral", "none"]),
    default="sigreg",
    show_default=True,
    help="What keeps latents from collapsing.",
)
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
@click.option(
    "--precision",
    type=click.Choice(["float32", "bf16"]),
    default="float32",
    show_default=True,
    help="What matrices are multiplied in; weights and losses stay float32.",
)
@click.option(
    "--kernels",
    type=click.Choice(["auto", "torch", "onednn"]),
    default="auto",
    show_default=True,
    help="Who multiplies float32 matrices on a processor; auto measures.",
)
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N.")
@click.option("--resume", is_flag=True, help="Go on from OUT.state, if it is there.")
@click.option(
    "--save-every",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Updates between two states; a killed run loses fewer than these.",
)
@click.option(
    "--tensorboard",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for TensorBoard curves.",
)
@click.option("--world", help="Where the episodes come from, if the data do not say.")
@click.pass_context
def train(
    ctx: click.Context,
    data: Path,
    out: Path,
    preset: str,
    base: Path | None,
    unfreeze: "Unfreeze",
    seed: int,
    updates: int,
    batch_size: int,
    learning_rate: float,
    regularizer: str,
    sigreg_weight: float,
    final_sigreg_weight: float,
    schedule_updates: int | None,
    precision: str,
    kernels: str,
    device: str,
    resume: bool,
    save_every: int,
    tensorboard: Path | None,
    world: str | None,
) -> None:
    """Train a world model on episodes.

    The defaults are those of the bundled model. The recipe of the paper holds the weight of SIGReg
    (`--sigreg-weight 0.09 --final-sigreg-weight 0.09`) and builds the schedule for ten times the
    updates that it runs.

    While it runs, OUT.state holds what `--resume` needs to end as if nothing had happened. Several
    processes share each batch: `torchrun --nproc-per-node 2 -m lewm.cli train ...`.

    With `--from` a candidate is made out of a checkpoint, and the tuning step is written into it.
    The regulariser then keeps its final weight throughout, and the learning rate is 0.0001 unless
    given. `envelope gate` says whether the candidate may take its base's place.

    \b
    Example:
        lewm train --data data.h5 --out ckpt.pt
        lewm train --from ckpt.pt --unfreeze encoder --data tune.h5 --updates 200 --out tuned.pt

    Exit status: 0 done, 2 not.
    """
    from lewm.checkpoints.checkpoint import save_checkpoint
    from lewm.cli.training_data import open_training_data, preset_for
    from lewm.training import kernels as products
    from lewm.training.distributed import rank, torchrun_ranks
    from lewm.training.recipes import checkpoint_of, recipe
    from lewm.training.tensorboard import TensorBoard
    from lewm.training.train import train as run
    from lewm.training.train_log import Progress, Teller
    from lewm.training.train_state import StateFile
    from lewm.training.tuning import LEARNING_RATE

    _require_place_for(out)
    if schedule_updates is not None and schedule_updates < updates:
        raise LewmError(
            f"--schedule-updates is {schedule_updates}, fewer than the {updates} updates to run",
            next_step="give as many or more",
        )
    start = None
    if base is not None:
        start = _start(ctx, base, unfreeze)
        learning_rate = _unless_given(ctx, "learning_rate", LEARNING_RATE)
        sigreg_weight = _unless_given(ctx, "sigreg_weight", final_sigreg_weight)
    elif _is_given(ctx, "unfreeze"):
        raise LewmError(
            f"--unfreeze is {unfreeze}, and no --from says which model it is about",
            next_step="name the checkpoint to train on from",
        )
    config = recipe(
        seed=seed,
        num_updates=updates,
        batch_size=batch_size,
        schedule_updates=schedule_updates or updates,
        learning_rate=learning_rate,
        sigreg_weight=sigreg_weight,
        final_sigreg_weight=final_sigreg_weight,
        regularizer=regularizer,
        precision=precision,
    )
    device = _device(device)
    state = StateFile(out.with_name(f"{out.name}.state"), save_every, resume)
    teller = Teller(click.echo)
    with ExitStack() as stack:
        stack.enter_context(torchrun_ranks(device))
        source, scope = open_training_data(stack, data, world)
        if start is None:
            model_config, plan_config = preset_for(preset, source, scope, data)
        else:
            start.require_fit(scope, source.action_width)
            model_config = start.checkpoint.config
        curves = None
        if tensorboard is not None and rank() == 0:
            curves = stack.enter_context(TensorBoard(tensorboard))

        def tell(progress: Progress) -> None:
            teller(progress)
            if curves is not None:
                curves(progress)

        result = run(
            model_config,
            config,
            source,
            progress=tell,
            state=state,
            start=start,
            kernels=products.same_everywhere(kernels),
            device=device,
        )
        if rank() == 0:
            teller.finish()
            if start is None:
                saved = checkpoint_of(result, model_config, world=scope, plan_config=plan_config)
            else:
                saved = start.tuned(dict(result.model.state_dict()), result.record, scope)
            click.echo(f"{out}  sha256 {save_checkpoint(out, saved)}")
            state.remove()


def _start(ctx: click.Context, base: Path, unfreeze: "Unfreeze") -> "Start":
    from lewm.checkpoints.checkpoint import load_checkpoint
    from lewm.training.tuning import Start

    if _is_given(ctx, "preset"):
        raise LewmError(
            f"--preset and --from {base} both say which model to train",
            next_step="give one of them",
        )
    return Start(load_checkpoint(base), unfreeze)


def _is_given(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is not ParameterSource.DEFAULT


def _unless_given(ctx: click.Context, name: str, value: float) -> float:
    return float(ctx.params[name]) if _is_given(ctx, name) else value


def _device(name: str) -> str:
    """The device of this process; among several on `cuda`, the one torchrun means."""
    import torch

    try:
        kind = torch.device(name).type
    except RuntimeError:
        kind = ""
    usable = kind == "cpu" or (kind == "cuda" and torch.cuda.is_available())
    if not usable:
        raise LewmError(
            f"--device is {name}, and this machine has "
            f"{'cpu and cuda' if torch.cuda.is_available() else 'cpu alone'}",
            next_step="choose a device that is there",
        )
    local = os.environ.get("LOCAL_RANK")
    return f"cuda:{local}" if name == "cuda" and local else name


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
