"""`lewm export`: a model for the official ecosystem."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from lewm.checkpoints.official import Layout


@click.command("export")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="New folder to write.")
@click.option(
    "--layout",
    type=click.Choice(["v4", "v5"]),
    default="v4",
    show_default=True,
    help="Names of the encoder's tensors: the released ones, or those of transformers 5.",
)
@click.option(
    "--format",
    type=click.Choice(["pt", "safetensors"]),
    default="pt",
    show_default=True,
    help="Container of the weights; stable-worldmodel reads pt.",
)
def export(model: Path, out: Path, layout: "Layout", format: Literal["pt", "safetensors"]) -> None:
    """Write MODEL as config.json and weights that stable-worldmodel loads.

    The folder also gets lewm.json, with what those two cannot say; every command here takes the
    folder as a model.

    \b
    Example:
        lewm export ckpt.pt --out my-lewm --layout v5

    Exit status: 0 done, 2 not.
    """
    from lewm.checkpoints.checkpoint import load_checkpoint
    from lewm.checkpoints.exchange import export_model

    export_model(load_checkpoint(model), out, layout=layout, format=format)
    click.echo(f"{out}: config.json, weights.{format} (layout {layout}), lewm.json")
