"""The `lewm` command. Each command lives in its own module; torch is imported when one runs."""

import os
import sys
from typing import NoReturn

import click

from lewm.cli.collect import collect
from lewm.cli.convert import convert
from lewm.cli.evaluate import evaluate
from lewm.cli.export import export
from lewm.cli.import_ import import_
from lewm.cli.inspect import inspect
from lewm.cli.plan import plan
from lewm.cli.sweep import sweep
from lewm.cli.train import train
from lewm.cli.worlds import worlds
from lewm.errors import LewmError


@click.group()
@click.version_option(package_name="world-model-envelope", prog_name="lewm")
def cli() -> None:
    """Train a LeWorldModel and plan with it.

    \b
    Example:
        lewm collect --factor agent.radius=14 --episodes 600 --out data.h5
        lewm train --data data.h5 --out ckpt.pt
        lewm eval --model ckpt.pt --num-cases 100
        lewm plan --model ckpt.pt --start 40,40 --goal 90,60
        lewm import lewm-tworooms --data tworoom.h5 --world two-room --out tworoom.pt

    Exit status: 0 done, 2 not.
    """


for _command in (collect, inspect, convert, train, sweep, evaluate, plan, import_, export, worlds):
    cli.add_command(_command)


def main() -> NoReturn:
    """Run the command; turn every problem into one message and status 2.

    Set LEWM_TRACEBACK=1 to see where an unforeseen one came from.
    """
    try:
        status = cli(standalone_mode=False)
    except LewmError as error:
        _stop(f"lewm: {error}")
    except ModuleNotFoundError as error:
        _stop(
            f"lewm: this command needs {error.name}, which is not installed\n"
            "  Next: pip install 'world-model-envelope[train]'"
        )
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("lewm: stopped", err=True)
        sys.exit(130)
    except SystemExit as ended:  # click ends with 1 when whoever reads the output went away
        sys.exit(2 if ended.code == 1 else ended.code)
    except Exception as error:
        if os.environ.get("LEWM_TRACEBACK"):
            raise
        _stop(
            f"lewm: could not finish: {type(error).__name__}: {error}\n"
            "  Next: set LEWM_TRACEBACK=1 and run again to see where"
        )
    sys.exit(status if isinstance(status, int) else 0)


def _stop(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(2)
