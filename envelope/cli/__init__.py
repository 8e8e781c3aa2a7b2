"""The `envelope` command. Each command lives in its own module, imported when it is called."""

import atexit
import gc
import importlib
import io
import json
import os
import sys
from typing import NoReturn

import click

from envelope.errors import EnvelopeError

# Installed packages may hook themselves into validation; none has a say in a verdict.
os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"

COMMANDS = {
    "keygen": "Make a key pair to sign with.",
    "trust": "Say whose signatures count here.",
    "measure": "Measure a checkpoint and leave a record, a report and a deploy file.",
    "gate": "May this fine-tuned candidate take its base's place?",
    "draft": "Make the record again from stored measurements.",
    "report": "Make the report again from a stored record.",
    "sign": "Sign a record, its measurements and its report.",
    "countersign": "Vouch for what somebody else signed, over the same bytes.",
    "verify": "Is this attestation genuine, and about these files?",
    "check": "Is this deployment still inside what was measured?",
    "sign-model": "Sign a model folder, in the format of OpenSSF Model Signing.",
    "verify-model": "Is this the model folder that was signed?",
    "demo": "Walk the whole line on the bundled model.",
}


class _LazyGroup(click.Group):
    """A group that imports a command's module only when that command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"envelope.cli.{cmd_name.replace('-', '_')}")
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
        envelope trust add lab.pub
        envelope measure --model ckpt.pt --sign-key lab.key
        envelope check --deploy ckpt.envelope/deploy.yaml

    Exit status: 0 inside, 1 outside or lapsed, 2 could not evaluate, 3 evidence
    not trusted.
    """


def main() -> NoReturn:
    """Run the command; turn every problem into one message and its exit status.

    A traceback would exit with 1, which reads as a verdict. So an unforeseen exception is
    reported in one line with status 2; set ENVELOPE_TRACEBACK=1 to see where it came from. With
    --json the problem is also printed as an object, with its stable reason code.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a plain terminal must not end a measurement
    if sys.argv[1:2] in (["check"], ["draft"]):
        # They end in seconds, of which looking for garbage would be a tenth to a quarter.
        gc.disable()
        atexit.register(gc.freeze)
    try:
        status = cli(standalone_mode=False)
    except EnvelopeError as error:
        _stop(error.problem, error.next_step, status=error.exit_status, reason=error.reason)
    except ModuleNotFoundError as error:
        _stop(
            f"this command needs {error.name}, which is not installed",
            "pip install 'world-model-envelope[measure]'",
            reason="not_installed",
        )
    except click.ClickException as error:
        error.show()
        _tell_programs(error.format_message(), "see --help", status=2, reason="usage")
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo(
            "envelope: stopped; finished cells are kept, run the same command to go on", err=True
        )
        sys.exit(130)
    except SystemExit as ended:  # click ends with 1 when whoever reads the output went away
        sys.exit(2 if ended.code == 1 else ended.code)
    except Exception as error:
        if os.environ.get("ENVELOPE_TRACEBACK"):
            raise
        # `lewm` has its own kind of error, with the same two parts, and is not imported here.
        _stop(
            getattr(error, "problem", f"could not finish: {type(error).__name__}: {error}"),
            getattr(error, "next_step", "set ENVELOPE_TRACEBACK=1 and run again to see where"),
        )
    sys.exit(status if isinstance(status, int) else 0)


def _stop(
    problem: str, next_step: str, *, status: int = 2, reason: str = EnvelopeError.reason
) -> NoReturn:
    _tell_programs(problem, next_step, status=status, reason=reason)
    click.echo(f"envelope: {problem}\n  Next: {next_step}", err=True)
    sys.exit(status)


def _tell_programs(problem: str, next_step: str, *, status: int, reason: str) -> None:
    if "--json" in sys.argv[1:]:
        told = {
            "format": "problem/0.1",  # schemas/v0.1/problem.schema.json
            "exit_status": status,
            "reason": reason,
            "problem": problem,
            "next_step": next_step,
        }
        click.echo(json.dumps(told, indent=1))
