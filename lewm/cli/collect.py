"""`lewm collect`: let a policy act in a world and keep what happens."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from lewm.cli.options import seed_option
from lewm.errors import LewmError


@click.command()
@click.option("--world", "world_name", default="two-room", show_default=True, metavar="NAME")
@click.option("--size-px", type=int, default=64, show_default=True, help="Frame size.")
@click.option("--factor", multiple=True, metavar="NAME=VALUE", help="A factor off its default.")
@click.option(
    "--policy",
    multiple=True,
    metavar="NAME",
    help="Who acts: expert, weak (straight) or random, whichever the world knows; several share "
    "the episodes. Without it expert and straight in two rooms, expert in swm/pusht, weak in "
    "swm/cube, else random.",
)
@click.option("--action-noise", type=float, help="Of the policies that have it.")
@click.option("--episodes", type=click.IntRange(1), default=600, show_default=True)
@click.option(
    "--length", type=click.IntRange(1), default=100, show_default=True, help="Env steps of each."
)
@click.option(
    "--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes."
)
@seed_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="HDF5 file to write.")
def collect(
    world_name: str,
    size_px: int,
    factor: tuple[str, ...],
    policy: tuple[str, ...],
    action_noise: float | None,
    episodes: int,
    length: int,
    workers: int,
    seed: int,
    out: Path,
) -> None:
    """Let a policy act in a world and keep what happens.

    The file is the same whatever the number of workers. `lewm worlds` says which worlds there are.

    \b
    Example:
        lewm collect --factor agent.radius=14 --episodes 900 --out data.h5
        lewm collect --world swm/pusht --policy expert --workers 2 --out pusht.h5

    Exit status: 0 done, 2 not.
    """
    from lewm.collection.collect_to_file import collect_to_file
    from lewm.collection.policies_named import make_policy
    from lewm.worlds import make_world

    world = make_world({"world": world_name, "size_px": size_px, "factors": _factors(factor)})
    actor = make_policy(world, policy, action_noise=action_noise)
    with click.progressbar(length=episodes, label="collect", file=sys.stderr) as bar:
        collect_to_file(
            out,
            world,
            actor,
            num_episodes=episodes,
            length_env_steps=length,
            seed=seed,
            num_workers=workers,
            progress=bar.update,
        )
    click.echo(f"{episodes} episodes of {length} env steps: {out}")


def _factors(given: tuple[str, ...]) -> dict[str, Any]:
    factors: dict[str, Any] = {}
    for item in given:
        name, equals, value = item.partition("=")
        try:
            if not equals:
                raise ValueError
            factors[name] = json.loads(value)
        except ValueError:
            raise LewmError(
                f"--factor {item!r} is not NAME=VALUE with a JSON value",
                next_step="write for instance --factor agent.radius=14",
            ) from None
    return factors
