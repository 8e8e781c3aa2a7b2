"""`lewm sweep`: one model for each weight of SIGReg and each seed."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from lewm.cli.options import MAX_SEED, Finite, json_option
from lewm.errors import LewmError


def _weights(ctx: click.Context, param: click.Parameter, value: str) -> tuple[float, ...]:
    return tuple(Finite(0).convert(part, param, ctx) for part in value.split(","))


def _seeds(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, ...]:
    kind: Any = click.IntRange(0, MAX_SEED)
    return tuple(int(kind.convert(part, param, ctx)) for part in value.split(","))


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Episodes.")
@click.option(
    "--weights",
    callback=_weights,
    default="0.005,0.02,0.09",
    show_default=True,
    help="Weights of SIGReg, held through the run.",
)
@click.option("--seeds", callback=_seeds, default="0,1", show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder."
)
@click.option("--preset", type=click.Choice(["paper", "small", "tiny"]), default="small")
@click.option("--updates", type=click.IntRange(1), default=1500, show_default=True)
@click.option("--batch-size", type=click.IntRange(2), default=128, show_default=True)
@click.option("--learning-rate", type=Finite(0, min_open=True), default=5e-4, show_default=True)
@click.option(
    "--held-out",
    type=Finite(0, 1, min_open=True, max_open=True),
    default=0.1,
    show_default=True,
    help="Share of the episodes that no run is trained on.",
)
@click.option(
    "--num-cases",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    help="Cases in closed loop; 0 leaves success unmeasured.",
)
@click.option("--world", help="Where the episodes come from, if the data do not say.")
@json_option
def sweep(
    data: Path,
    weights: tuple[float, ...],
    seeds: tuple[int, ...],
    out: Path,
    preset: str,
    updates: int,
    batch_size: int,
    learning_rate: float,
    held_out: float,
    num_cases: int,
    world: str | None,
    as_json: bool,
) -> None:
    """Train one model for each weight of SIGReg and each seed, and measure them all.

    Prediction error, effective rank and latent spread are measured on held-out episodes, success in
    closed loop. Run it again after a stop: what is finished is kept, what was begun goes on.

    \b
    Example:
        lewm sweep --data data.h5 --weights 0.005,0.02,0.09 --seeds 0,1 --out sweep

    Exit status: 0 done, 2 not.
    """
    from lewm.cli.training_data import open_training_data, preset_for
    from lewm.training import kernels as products
    from lewm.training.recipes import recipe
    from lewm.training.sweep import Sweep, run_sweep, table

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LewmError(
            f"{out} cannot be made: {error}", next_step="choose another --out"
        ) from None
    with ExitStack() as stack:
        source, scope = open_training_data(stack, data, world)
        model_config, plan_config = preset_for(preset, source, scope, data)
        config = recipe(
            seed=0, num_updates=updates, batch_size=batch_size, learning_rate=learning_rate
        )
        rows = run_sweep(
            Sweep(
                model=model_config,
                config=config,
                plan_config=plan_config,
                world=scope,
                held_out=held_out,
                num_cases=num_cases,
                kernels=products.same_everywhere("auto"),
            ),
            source,
            weights=weights,
            seeds=seeds,
            out=out,
            say=lambda line: click.echo(line, err=True),
        )
    click.echo(json.dumps(rows) if as_json else "\n".join(table(rows)))
