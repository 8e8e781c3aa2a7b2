"""`lewm import`: a model of the official ecosystem, to be planned with and audited here."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lewm.errors import LewmError

if TYPE_CHECKING:
    from lewm.data.windows import ActionStats

_SCOPE = {"world", "size_px", "factors"}


@click.command("import")
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="A .pt or .safetensors file, or a new folder in the official layout.",
)
@click.option("--data", help="Episodes the model was trained on.")
@click.option(
    "--action-stats",
    type=click.Path(path_type=Path),
    help='JSON {"mean": [...], "std": [...]} of the raw actions, instead of --data.',
)
@click.option("--world", help="World the model was made for.")
@click.option(
    "--block-size",
    type=click.IntRange(1, 1000),
    default=5,
    show_default=True,
    help="Env steps per action block, which the official files do not say.",
)
def import_(
    source: Path,
    out: Path,
    data: str | None,
    action_stats: Path | None,
    world: str | None,
    block_size: int,
) -> None:
    """Take a model in the official layout: SOURCE is its folder, or the weights in it.

    Nothing in SOURCE is run: config.json is compared with a list, weights are tensors or refused.
    A checkpoint of ours is taken as well, to put it into another container.

    \b
    Example:
        lewm import lewm-tworooms --data tworoom.h5 --world two-room --out tworoom.pt

    Exit status: 0 done, 2 not.
    """
    from lewm.checkpoints.exchange import import_model

    if data is not None and action_stats is not None:
        raise LewmError(
            "--data and --action-stats both say how actions are scaled",
            next_step="give one of them",
        )
    stats, scope, digest = _from_data(data) if data else (_from_json(action_stats), None, None)
    done = import_model(
        source,
        out,
        action_stats=stats,
        world=world or scope,
        block_size=block_size,
        trained_on=digest,
    )
    config, tensors = done.checkpoint.config, done.checkpoint.tensors
    layout = f"layout {done.layout}, " if done.layout else ""
    click.echo(
        f"{len(tensors)} of {len(tensors)} tensors, {layout}history {config.history}, actions of "
        f"width {config.action_width} in blocks of {config.block_size}"
    )
    if not done.checkpoint.world:
        click.echo("no world is known; give --world NAME to plan and audit without naming one")
    click.echo(f"{out}")


def _from_json(path: Path | None) -> "ActionStats | None":
    from lewm.checkpoints.exchange import stats_from_json
    from lewm.checkpoints.strict_json import load_object
    from lewm.data.reading import read_file

    if path is None:
        return None
    content, _ = read_file(path, max_bytes=2**20)
    return stats_from_json(load_object(content, str(path)), str(path))


def _from_data(path: str) -> "tuple[ActionStats, dict[str, Any] | None, str]":
    """How the actions of a data set are scaled, the world it was collected in, its digest."""
    from lewm.data.sources import open_source

    with open_source(path) as source:
        said = source.provenance
        scope = {key: said[key] for key in _SCOPE} if said.keys() >= _SCOPE else None
        return source.action_stats(), scope, source.digest()
