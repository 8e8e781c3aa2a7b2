"""Options that several commands share."""

import functools
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lewm.errors import LewmError

if TYPE_CHECKING:
    from lewm.planning.plan_config import PlanConfig

MAX_SEED = 2**31 - 1


class Finite(click.FloatRange):
    """A number in a range; neither NaN nor infinity is one."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number", param, ctx)
        return number


seed_option = click.option("--seed", type=click.IntRange(0, MAX_SEED), default=0, show_default=True)
model_option = click.option(
    "--model", type=click.Path(path_type=Path), required=True, help="Checkpoint."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

_COUNTS = ("num_samples", "iterations", "elites", "horizon", "execute_blocks")
_PLANNER_OPTIONS = (
    click.option(
        "--algorithm",
        type=click.Choice(["cem", "icem", "mppi", "gradient", "random_shooting"]),
        help="How to search. What is not given here is as the checkpoint says.",
    ),
    click.option("--num-samples", type=click.IntRange(1), help="Candidates per iteration."),
    click.option("--iterations", type=click.IntRange(1), help="Rounds of the search."),
    click.option("--elites", type=click.IntRange(1), help="Candidates the next are drawn around."),
    click.option("--horizon", type=click.IntRange(1), help="Model steps imagined per plan."),
    click.option(
        "--execute-blocks", type=click.IntRange(1), help="Model steps executed before replanning."
    ),
    click.option("--cost", help="Name and version, for instance summed_latent_sse/1."),
    click.option(
        "--option",
        "options",
        multiple=True,
        metavar="NAME=VALUE",
        help="What else the algorithm or the cost reads, for instance temperature=0.5.",
    ),
    click.option("--threads", type=click.IntRange(1, 1024), help="CPU threads that torch uses."),
)
_USUAL: dict[str, dict[str, int]] = {
    "gradient": {"num_samples": 100, "iterations": 30},
    "random_shooting": {"iterations": 1},
}
"""What an algorithm starts from where the checkpoint plans by another."""


def planner_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of the planner; the command gets them as `planner`, for `planner_config`."""

    @functools.wraps(command)
    def gathered(*args: Any, **given: Any) -> Any:
        names = ("algorithm", *_COUNTS, "cost", "options", "threads")
        return command(*args, planner={name: given.pop(name) for name in names}, **given)

    chosen: Callable[..., Any] = gathered
    for option in reversed(_PLANNER_OPTIONS):
        chosen = option(chosen)
    return chosen


def planner_config(base: "PlanConfig", planner: dict[str, Any]) -> "PlanConfig":
    """A checkpoint's planner with what the command line says instead.

    Also sets the number of torch's threads, where that is given.

    Raises:
        LewmError: nothing can plan like that.
    """
    import torch

    from lewm.planning.plan_options import table

    if planner["threads"] is not None:
        torch.set_num_threads(planner["threads"])
    algorithm = planner["algorithm"] or base.algorithm
    counts = {name: planner[name] for name in _COUNTS if planner[name] is not None}
    usual = {} if algorithm == base.algorithm else _USUAL.get(algorithm, {})
    cost = planner["cost"] or base.cost
    horizon = counts.get("horizon", base.horizon)
    changes = {"execute_blocks": min(base.execute_blocks, horizon), **usual, **counts}
    try:
        known = table(algorithm, cost)
        kept = {name: value for name, value in base.options.items() if name in known}
        options = {**kept, **dict(map(_setting, planner["options"]))}
        return replace(base, algorithm=algorithm, cost=cost, options=options, **changes)
    except ValueError as error:
        raise LewmError(
            f"nothing can plan like this: {error}",
            next_step="correct the planner's options; `lewm plan --help` lists them",
        ) from None


def _setting(text: str) -> tuple[str, float]:
    name, separator, value = text.partition("=")
    try:
        if not separator:
            raise ValueError
        return name, float(value)
    except ValueError:
        raise LewmError(
            f"--option {text!r} is not NAME=VALUE with a number",
            next_step="write for instance --option temperature=0.5",
        ) from None
