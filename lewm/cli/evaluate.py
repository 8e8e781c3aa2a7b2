"""`lewm eval`: success in closed loop, beside its references."""

import json
from pathlib import Path
from typing import Any

import click

from lewm.cli.options import json_option, model_option, seed_option
from lewm.errors import LewmError


@click.command("eval")
@model_option
@click.option("--cases", type=click.Path(path_type=Path), help="Frozen cases; sampled if absent.")
@click.option("--num-cases", type=click.IntRange(1), default=300, show_default=True)
@click.option(
    "--goal-offset", type=click.IntRange(1), default=25, show_default=True, help="Env steps."
)
@click.option("--budget", type=click.IntRange(1), default=50, show_default=True, help="Env steps.")
@click.option(
    "--streams", type=click.IntRange(1), default=1, show_default=True, help="Planner streams."
)
@click.option("--references/--no-references", default=True, help="Floor, twin and ceiling too.")
@seed_option
@json_option
def evaluate(
    model: Path,
    cases: Path | None,
    num_cases: int,
    goal_offset: int,
    budget: int,
    streams: int,
    references: bool,
    seed: int,
    as_json: bool,
) -> None:
    """Plan in closed loop on held-out cases; report success beside its references.

    \b
    Example:
        lewm eval --model ckpt.pt --num-cases 300

    Exit status: 0 done, 2 not.
    """
    from lewm.adapter import load_model
    from lewm.cases import load, sample_cases
    from lewm.evaluation import evaluate as run
    from lewm.worlds import make_world

    loaded = load_model(model)
    world = make_world(loaded.world)
    loaded.require_world(world)
    chosen = (
        load(cases)
        if cases
        else sample_cases(world, num_cases=num_cases, goal_offset_env_steps=goal_offset, seed=seed)
    )
    _require_cases_of(world, chosen, cases)
    results = run(
        loaded,
        world,
        chosen,
        budget_env_steps=budget,
        streams=range(seed, seed + streams),
        references=references,
        progress=lambda arm: click.echo(f"running {arm} ...", err=True),
    )
    if as_json:
        click.echo(json.dumps([result.to_json() for result in results], indent=1))
        return
    click.echo(
        f"{chosen.num_cases} cases ({chosen.num_solved_dropped} solved at the start left out)"
    )
    click.echo(f"cases sha256 {chosen.digest()}")
    for result in results:
        click.echo(result.line())


def _require_cases_of(world: Any, cases: Any, path: Path | None) -> None:
    """Refuse cases that were sampled in a world that moves or judges otherwise."""
    scope = cases.origin.get("world")
    there = {
        **(scope if isinstance(scope, dict) else {}),
        "success_rule": cases.origin.get("success_rule"),
        "state_width": cases.starts.shape[1],
    }
    here = {
        **world.scope(),
        "success_rule": world.success_rule,
        "state_width": world.state_width,
    }
    for name in ("world", "factors", "success_rule", "state_width"):
        if here[name] != there.get(name):
            raise LewmError(
                f"{path} was sampled with {name} {there.get(name)}, the model's world has "
                f"{here[name]}",
                next_step="give cases of the model's world, or leave --cases out to sample some",
            )
