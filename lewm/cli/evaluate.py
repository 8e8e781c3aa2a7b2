"""`lewm eval`: success in closed loop, beside its references."""

import json
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

_GOAL_OFFSET = 25
_PROTOCOLS = ("held-out", "official", "moderate", "strict")


@click.command("eval")
@model_option
@click.option(
    "--protocol", "name", type=click.Choice(_PROTOCOLS), default="held-out", show_default=True
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Recorded episodes; for every protocol but held-out.",
)
@click.option("--cases", type=click.Path(path_type=Path), help="Frozen cases; drawn if absent.")
@click.option("--save-cases", type=click.Path(path_type=Path), help="Freeze the cases here.")
@click.option(
    "--num-cases",
    type=click.IntRange(1),
    help="Held-out: 300. Official: 50. Moderate and strict: 100 for each of three seeds.",
)
@click.option(
    "--goal-offset",
    type=click.IntRange(1),
    default=_GOAL_OFFSET,
    show_default=True,
    help="Env steps; held-out only.",
)
@click.option("--budget", type=click.IntRange(1), default=50, show_default=True, help="Env steps.")
@click.option(
    "--streams", type=click.IntRange(1), help="Planner streams. Held-out: 1. The others: 3."
)
@click.option("--world", "world_name", help="Where to act, if not where the model was trained.")
@click.option("--references/--no-references", default=True, help="Floor, twin and ceiling too.")
@click.option(
    "--ceiling/--no-ceiling",
    default=None,
    help="The planner on the true dynamics; unless said, where many states step at once.",
)
@click.option(
    "--drop-last-row",
    is_flag=True,
    help="Official as before July 2026: the last valid row is never drawn.",
)
@planner_options
@seed_option
@json_option
def evaluate(
    model: Path,
    name: str,
    data: Path | None,
    cases: Path | None,
    save_cases: Path | None,
    num_cases: int | None,
    goal_offset: int,
    budget: int,
    streams: int | None,
    world_name: str | None,
    references: bool,
    ceiling: bool | None,
    drop_last_row: bool,
    planner: dict[str, Any],
    seed: int,
    as_json: bool,
) -> None:
    """Plan in closed loop; report success beside its references.

    \b
    held-out  cases sampled from the world itself, none solved at the start (--seed)
    official  as LeWM is evaluated: recorded pairs, first and goal frames as recorded, pairs
              solved at the start among them
    moderate  one recorded pair of an episode, none solved at the start, 3 x 100
    strict    the same with tighter rules

    \b
    Example:
        lewm eval --model ckpt.pt --num-cases 300
        lewm eval --model ckpt.pt --algorithm icem --num-samples 128
        lewm eval --model ckpt.pt --protocol official --data data.h5

    Exit status: 0 done, 2 not.
    """
    from lewm.adapter import load_model
    from lewm.data.new_data import refuse_to_overwrite
    from lewm.evaluation import cases as case_files
    from lewm.evaluation.protocol_report import as_json as outcome_json
    from lewm.evaluation.protocol_report import as_text
    from lewm.worlds import make_world

    _require_words(name, data, seed, goal_offset, drop_last_row)
    if save_cases is not None:
        refuse_to_overwrite(save_cases)
    loaded = load_model(model)
    loaded.plan_config = planner_config(loaded.plan_config, planner)
    scope = loaded.world if world_name is None else _elsewhere(loaded, world_name)
    world = make_world(scope)
    loaded.require_world(world)
    given = case_files.load(cases) if cases else None
    if given is not None:
        _require_cases_of(world, given, cases)
        if str(given.origin.get("protocol", "held-out/1")).startswith(f"{name}/"):
            _require_cases_asked(given, num_cases, goal_offset, drop_last_row)
    runs_ceiling = _can_be_cloned(world, loaded.plan_config) if ceiling is None else ceiling
    how: dict[str, Any] = {
        "budget_env_steps": budget,
        "references": references,
        "ceiling": runs_ceiling,
    }
    if name == "held-out":
        outcome = _held_out(
            loaded, world, given, num_cases or 300, goal_offset, seed, streams or 1, how
        )
    else:
        outcome = _recorded(
            name, loaded, world, data, given, num_cases, streams or 3, drop_last_row, how
        )
    if references and not runs_ceiling:
        outcome.notes.append("the planner was not run on the true dynamics: no ceiling")
    if save_cases is not None:
        case_files.save(save_cases, outcome.cases)
    click.echo(json.dumps(outcome_json(outcome), indent=1) if as_json else as_text(outcome))


def _held_out(
    model: Any,
    world: Any,
    given: Any,
    num_cases: int,
    goal_offset: int,
    seed: int,
    num_streams: int,
    how: dict[str, Any],
) -> Any:
    from lewm.evaluation.cases import sample_cases
    from lewm.evaluation.evaluate import Conditions
    from lewm.evaluation.protocol_run import run_cases_of
    from lewm.evaluation.success import rule_of

    if given is not None and given.rows is not None:
        raise LewmError(
            f"these cases were recorded, for protocol {given.origin.get('protocol')}",
            next_step="name that protocol, with --data",
        )
    chosen = given or sample_cases(
        world, num_cases=num_cases, goal_offset_env_steps=goal_offset, seed=seed
    )
    conditions = Conditions(streams=range(seed, seed + num_streams), **how)
    return run_cases_of(
        model,
        world,
        chosen,
        conditions,
        rule=rule_of(world),
        label="held-out/1",
        progress=_tell,
    )


def _recorded(
    name: str,
    model: Any,
    world: Any,
    data: Path | None,
    given: Any,
    num_cases: int | None,
    num_streams: int,
    drop_last_row: bool,
    how: dict[str, Any],
) -> Any:
    from lewm.data.sources import open_source
    from lewm.evaluation.protocol import PROTOCOLS
    from lewm.evaluation.protocol_run import run_protocol

    assert data is not None
    with open_source(data) as source:
        return run_protocol(
            PROTOCOLS[name],
            model,
            world,
            source,
            num_streams=num_streams,
            cases=given,
            num_per_seed=num_cases,
            drop_last_row=drop_last_row,
            progress=_tell,
            **how,
        )


def _tell(what: str) -> None:
    click.echo(f"running {what} ...", err=True)


def _require_words(
    name: str, data: Path | None, seed: int, goal_offset: int, drop_last_row: bool
) -> None:
    """Refuse words that the protocol would not heed."""
    if (data is None) is not (name == "held-out"):
        said = "no --data" if data is None else f"--data {data}"
        raise LewmError(
            f"--protocol {name} was given {said}",
            next_step="give --data with official, moderate or strict, and only with those",
        )
    if name != "held-out" and (seed, goal_offset) != (0, _GOAL_OFFSET):
        raise LewmError(
            f"{name} fixes its seeds and its goal offset; asked for were --seed {seed} "
            f"--goal-offset {goal_offset}",
            next_step="leave both out, or use --protocol held-out",
        )
    if drop_last_row and name != "official":
        raise LewmError(
            f"--drop-last-row is about official, not about {name}", next_step="leave it out"
        )


def _elsewhere(model: Any, name: str) -> dict[str, Any]:
    """The model's world under another name, such as the same two rooms of stable-worldmodel."""
    return {
        "size_px": model.config.image_size,
        "factors": model.world.get("factors", {}),
        "world": name,
    }


def _can_be_cloned(world: Any, plan_config: Any) -> bool:
    """Whether a search in the world takes seconds and not hours, and whether there is one."""
    from lewm.worlds.two_room import TwoRoom

    return isinstance(world, TwoRoom) and plan_config.algorithm != "gradient"


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
    judged = ("success_rule",) if cases.rows is None else ()  # a protocol names its own rule
    for name in ("world", "factors", *judged, "state_width"):
        if here[name] != there.get(name):
            raise LewmError(
                f"{path} was sampled with {name} {there.get(name)}, the model's world has "
                f"{here[name]}",
                next_step="give cases of the model's world, or leave --cases out to sample some",
            )


def _require_cases_asked(
    cases: Any, num_cases: int | None, goal_offset: int, drop_last_row: bool
) -> None:
    """Refuse words about drawing that the frozen cases do not follow."""
    origin = cases.origin
    for option, asked, default, there in (
        ("--num-cases", num_cases, None, origin.get("num_per_seed", cases.num_cases)),
        ("--goal-offset", goal_offset, _GOAL_OFFSET, origin.get("goal_offset_env_steps")),
        ("--drop-last-row", drop_last_row, False, origin.get("drop_last_row", False)),
    ):
        if asked not in (default, there):
            raise LewmError(
                f"the frozen cases were drawn with {option} {there}, asked for is {asked}",
                next_step="leave the option out, or leave --cases out to draw others",
            )
