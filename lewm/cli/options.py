"""Options that several commands share."""

import math
from pathlib import Path
from typing import Any

import click

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
