"""`lewm worlds`: which worlds there are, and whether they run here."""

import json
from typing import Any

import click

from lewm.cli.options import json_option


@click.command()
@click.option("--world", "only", metavar="NAME", help="Only this one, with its factors.")
@json_option
def worlds(only: str | None, as_json: bool) -> None:
    """Say which worlds there are, and whether they run here.

    Each one is built, and one frame is drawn. `gym:<id>` can be named with --world.

    \b
    Example:
        lewm worlds
        lewm worlds --world swm/pusht

    Exit status: 0 done, 2 not.
    """
    from lewm.worlds import find_factory, world_names

    if only is not None:
        find_factory(only)
    found = []
    for name in (only,) if only is not None else world_names():
        found.append(_look_at(name))
        if not as_json:
            click.echo(_line(found[-1]))
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    if only is None:
        click.echo("gym:<id>       any gymnasium environment with get_state and set_state")
        return
    for name, factor in found[0].get("factors", {}).items():
        click.echo(
            f"  {name:24s} {factor['role']:10s} {factor['low']:g} to {factor['high']:g} "
            f"{factor['unit']}, default {factor['default']}"
        )


def _look_at(name: str) -> dict[str, Any]:
    """What there is to say about a world, or why it does not run."""
    import numpy as np

    from lewm.errors import LewmError
    from lewm.worlds import make_world

    try:
        world = make_world({"world": name, "size_px": 224, "factors": {}})
        world.render(world.sample_states(np.random.default_rng(0), 1))
    except LewmError as error:
        return {"world": name, "runs": False, "problem": error.problem, "next": error.next_step}
    except Exception as error:  # whatever a simulator or a driver may raise
        return {
            "world": name,
            "runs": False,
            "problem": f"cannot draw: {type(error).__name__}: {error}",
            "next": "install what draws: apt install libegl1 libgl1-mesa-dri, or set MUJOCO_GL",
        }
    return {
        "world": name,
        "runs": True,
        "state_width": world.state_width,
        "action_width": world.action_width,
        "success_rule": world.success_rule,
        "state_columns": list(world.state_columns),
        "factors": {
            factor_name: {
                "role": factor.role,
                "default": factor.default,
                "low": factor.low,
                "high": factor.high,
                "unit": factor.unit,
            }
            for factor_name, factor in world.factor_table.items()
        },
    }


def _line(found: dict[str, Any]) -> str:
    name = f"{found['world']:14s}"
    if not found["runs"]:
        return f"{name} does not run here: {found['problem']}\n{'':14s}   Next: {found['next']}"
    return (
        f"{name} runs here; actions {found['action_width']}, state {found['state_width']}, "
        f"success {found['success_rule'] or 'undefined'}, {len(found['factors'])} factors"
    )
