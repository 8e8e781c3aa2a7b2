"""`lewm plan`: one plan, executed."""

import json
import math
from pathlib import Path
from typing import Any

import click

from lewm.cli.options import (
    json_option,
    model_option,
    planner_config,
    planner_options,
    seed_option,
)
from lewm.errors import LewmError


@click.command()
@model_option
@click.option("--start", required=True, metavar="X,Y,...", help="State to start from, world units.")
@click.option("--goal", required=True, metavar="X,Y,...", help="State to reach, world units.")
@planner_options
@seed_option
@json_option
def plan(
    model: Path, start: str, goal: str, planner: dict[str, Any], seed: int, as_json: bool
) -> None:
    """Plan once in the world of the checkpoint, execute the plan, and say where it ends.

    A state is as many numbers as the world has; in two-room x and y in px.

    \b
    Example:
        lewm plan --model ckpt.pt --start 40,40 --goal 90,60
        lewm plan --model ckpt.pt --start 40,40 --goal 90,60 --algorithm icem --iterations 5

    Exit status: 0 done, 2 not.
    """
    import numpy as np

    from lewm.adapter import load_model
    from lewm.planning.planner import make_planner
    from lewm.worlds import make_world
    from lewm.worlds.two_room import TwoRoom

    loaded = load_model(model)
    world = make_world(loaded.world)
    loaded.require_world(world)
    width = world.state_width
    state, target = np.array([_point(start, width)]), np.array([_point(goal, width)])
    for given, text in ((state, start), (target, goal)) if world.name == TwoRoom.name else ():
        # Elsewhere things may move by themselves, and simulators say what they cannot be put into.
        if not np.array_equal(world.step(given, np.zeros((1, world.action_width))), given):
            raise LewmError(
                f"nothing can be at {text} in {world.name}",
                next_step="choose a point inside the rooms, for instance 40,40",
            )
    config = planner_config(loaded.plan_config, planner)
    found = make_planner(config).plan(loaded, world.render(state), world.render(target), [seed])
    for action in found.actions[0]:
        state = world.step(state, action[None])
    result = {
        "planner": config.to_json(),
        "actions": found.actions[0].tolist(),
        "imagined_cost": float(found.imagined_cost[0]),
        "reached": state[0].tolist(),
        "distance": float(world.distance(state, target)[0]),
        "solved": bool(world.solved(state, target)[0]),
    }
    if as_json:
        click.echo(json.dumps(result))
        return
    for step, action in enumerate(found.actions[0]):
        click.echo(f"env step {step + 1:2d}  {' '.join(f'{value:+.3f}' for value in action)}")
    click.echo(f"imagined cost {found.imagined_cost[0]:.4f}")
    reached = ", ".join(f"{value:.4g}" for value in state[0])
    unit = " px" if world.name == TwoRoom.name else ""
    click.echo(
        f"reached ({reached}), {result['distance']:.4g}{unit} from the goal: "
        f"{'solved' if result['solved'] else 'not solved'} by {world.success_rule}"
    )


def _point(text: str, width: int) -> list[float]:
    try:
        point = [float(part) for part in text.split(",")]
        if len(point) != width or not all(map(math.isfinite, point)):
            raise ValueError
    except ValueError:
        raise LewmError(
            f"{text!r} is not a state of {width} finite numbers",
            next_step="write for instance 40,40",
        ) from None
    return point
