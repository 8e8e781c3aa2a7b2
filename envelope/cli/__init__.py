"""The `envelope` command. Each command lives in its own module, imported when it is called."""

import importlib
import os
import sys
from typing import NoReturn

import click

from envelope.errors import EnvelopeError

COMMANDS = {
    "keygen": "Make a key pair to sign with.",
    "trust": "Say whose signatures count here.",
    "measure": "Measure a checkpoint and leave a record, a report and a deploy file.",
    "draft": "Make the record again from stored measurements.",
    "report": "Make the report again from a stored record.",
    "sign": "Sign a record, its measurements and its report.",
    "verify": "Is this attestation genuine, and about these files?",
    "check": "Is this deployment still inside what was measured?",
    "demo": "Walk the whole line on the bundled model.",
}


class _LazyGroup(click.Group):
    """A group that imports a command's module only when that command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"envelope.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_LazyGroup)
@click.version_option(package_name="world-model-envelope", prog_name="envelope")
def cli() -> None:
    """Is a learned world model still used inside what was measured?

    \b
    Example:
        envelope keygen lab
        envelope trust lab.pub
        envelope measure --model ckpt.pt --sign-key lab.key
        envelope check --deploy ckpt.envelope/deploy.yaml

    Exit status: 0 inside, 1 outside or lapsed, 2 could not evaluate, 3 evidence
    not trusted.
    """


def main() -> NoReturn:
    """Run the command; turn every problem into one message and its exit status.

    A traceback would exit with 1, which reads as a verdict. So an unforeseen exception is
    reported in one line with status 2; set ENVELOPE_TRACEBACK=1 to see where it came from.
    """
    try:
        status = cli(standalone_mode=False)
    except EnvelopeError as error:
        _stop(f"envelope: {error}", error.exit_status)
    except ModuleNotFoundError as error:
        _stop(
            f"envelope: this command needs {error.name}, which is not installed\n"
            "  Next: pip install 'world-model-envelope[measure]'",
            2,
        )
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        _stop("envelope: stopped; finished cells are kept, run the same command to go on", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(2)
    except Exception as error:
        if os.environ.get("ENVELOPE_TRACEBACK"):
            raise
        _stop(_unforeseen(error), 2)
    sys.exit(status if isinstance(status, int) else 0)


def _unforeseen(error: Exception) -> str:
    problem = getattr(error, "next_step", None)
    if problem is not None:  # a problem of `lewm`, which knows nothing of this package
        return f"envelope: {error}"
    return (
        f"envelope: could not finish: {type(error).__name__}: {error}\n"
        "  Next: set ENVELOPE_TRACEBACK=1 and run again to see where"
    )


def _stop(message: str, status: int) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(status)
