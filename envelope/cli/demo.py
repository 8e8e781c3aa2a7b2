"""`envelope demo`: the whole line on the bundled model, by the commands a user would type."""

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import click

from envelope.errors import EnvelopeError


@click.command("demo")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo.out"),
    show_default=True,
    help="Folder to write to.",
)
@click.option(
    "--profile",
    type=click.Choice(["brief", "quick", "standard", "deep"]),
    default="quick",
    show_default=True,
)
def command(out: Path, profile: str) -> None:
    """Measure the bundled model, sign, verify, and check three deployments.

    One is inside what was measured, one looks further ahead than that, and one carries a
    changed weight.

    \b
    Example:
        envelope demo --out demo.out

    Exit status: 0 when every step ended as it should, 2 otherwise.
    """
    from lewm.pretrained import bundled

    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    model = out / "two_room.pt"
    model.write_bytes(bundled("two_room").read_bytes())
    record = out / "two_room.envelope"
    walk = _Walk(out)

    if not (out / "lab.key").exists():
        walk.run("keygen", out / "lab", expect=0)
    walk.run(
        "measure", "--model", model, "--profile", profile, "--sign-key", out / "lab.key", expect=0
    )
    walk.run("verify", record / "attestation.json", "--key", out / "lab.pub", expect=0)
    deploy = record / "deploy.yaml"
    check = ("--key", out / "lab.pub")
    walk.say("the deployment as measured")
    walk.run("check", "--deploy", deploy, *check, expect=0)

    walk.say("product wants to look 20 model steps ahead")
    farther = deploy.with_name("deploy_horizon_20.yaml")
    text = deploy.read_text(encoding="utf-8")
    farther.write_text(re.sub(r"(?m)^(  horizon: )\d+", r"\g<1>20", text), encoding="utf-8")
    walk.run("check", "--deploy", farther, *check, expect=1)

    walk.say("somebody changed one weight by a thousandth")
    changed = out / "two_room_changed.pt"
    _change_one_weight(model, changed, by=1e-3)
    tampered = deploy.with_name("deploy_changed_weight.yaml")
    tampered.write_text(text.replace(model.name, changed.name), encoding="utf-8")
    walk.run("check", "--deploy", tampered, *check, expect=3)

    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    click.echo(f"\nDone in {minutes} min {seconds} s. The report: {record / 'report.html'}")


def _change_one_weight(model: Path, changed: Path, *, by: float) -> None:
    from lewm.checkpoints.checkpoint import load_checkpoint, save_checkpoint

    checkpoint = load_checkpoint(model)
    first = next(iter(checkpoint.tensors.values()))
    first.view(-1)[0] += by
    save_checkpoint(changed, checkpoint)


class _Walk:
    """Runs commands as a user would, shows them, and stops at a surprise."""

    def __init__(self, out: Path) -> None:
        self.environment = {**os.environ, "ENVELOPE_TRUST": ""}
        self.out = out

    def say(self, text: str) -> None:
        click.secho(f"\n# {text}", fg="cyan")

    def run(self, *words: str | Path, expect: int) -> None:
        line = [str(word) for word in words]
        click.secho(f"\n$ envelope {shlex.join(line)}", bold=True)
        done = subprocess.run(
            [sys.executable, "-m", "envelope.cli", *line], check=False, env=self.environment
        )
        click.echo(f"(exit status {done.returncode})")
        if done.returncode != expect:
            raise EnvelopeError(
                f"`envelope {line[0]}` ended with status {done.returncode}, not {expect}",
                next_step=f"read the lines above; the files are in {self.out}",
            )
