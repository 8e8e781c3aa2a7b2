"""`lewm collect`: let a policy act in a world and keep what happens."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from lewm.cli.options import seed_option
from lewm.errors import LewmError


@click.command()
@click.option("--world", "world_name", type=click.Choice(["two-room"]), default="two-room")
@click.option("--size-px", type=int, default=64, show_default=True, help="Frame size.")
@click.option("--factor", multiple=True, metavar="NAME=VALUE", help="A factor off its default.")
@click.option(
    "--policy",
    type=click.Choice(["expert", "straight", "random"]),
    multiple=True,
    default=("expert", "straight"),
    show_default=True,
    help="Who acts; several share the episodes. `straight` walks into walls, `expert` does not.",
)
@click.option("--action-noise", type=float, default=0.5, show_default=True, help="Of the walkers.")
@click.option("--episodes", type=click.IntRange(1), default=600, show_default=True)
@click.option(
    "--length", type=click.IntRange(1), default=100, show_default=True, help="Env steps of each."
)
@seed_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="HDF5 file to write.")
def collect(
    world_name: str,
    size_px: int,
    factor: tuple[str, ...],
    policy: tuple[str, ...],
    action_noise: float,
    episodes: int,
    length: int,
    seed: int,
    out: Path,
) -> None:
    """Let a policy act in a world and keep what happens.

    \b
    Example:
        lewm collect --factor agent.radius=14 --episodes 900 --out data.h5

    Exit status: 0 done, 2 not.
    """
    from lewm.collect import NoisyExpert, RandomPolicy, collect_to_file
    from lewm.policies import Mixture, Policy
    from lewm.straight_walker import StraightWalker
    from lewm.worlds import make_world

    world = make_world({"world": world_name, "size_px": size_px, "factors": _factors(factor)})
    known: dict[str, Policy] = {
        "expert": NoisyExpert(action_noise=action_noise),
        "straight": StraightWalker(action_noise=action_noise),
        "random": RandomPolicy(),
    }
    actor = Mixture(tuple(known[name] for name in policy))
    with click.progressbar(length=episodes, label="collect", file=sys.stderr) as bar:
        collect_to_file(
            out,
            world,
            actor,
            num_episodes=episodes,
            length_env_steps=length,
            seed=seed,
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
