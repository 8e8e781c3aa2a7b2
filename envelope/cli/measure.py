"""`envelope measure`: from a checkpoint to a record, a report and a deploy file."""

import json
import logging
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from envelope.cli.choices import SUITES, Choices
from envelope.errors import BadFile
from envelope.records import Timing


@click.command("measure")
@click.option("--model", type=click.Path(path_type=Path), required=True, help="Checkpoint.")
@click.option("--world", help="World to measure in; the checkpoint's own unless given.")
@click.option(
    "--data",
    metavar="EPISODES",
    help="Recorded episodes instead of a simulator; what needs one stays unknown.",
)
@click.option(
    "--held-out",
    is_flag=True,
    help="Your word that the model was trained on none of these episodes; it is recorded.",
)
@click.option("--adapter", default="lewm", show_default=True, help="How to read the checkpoint.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder to write; MODEL's stem + .envelope."
)
@click.option(
    "--profile",
    type=click.Choice(["brief", "quick", "standard", "deep"]),
    default="standard",
    show_default=True,
    help="How much to measure.",
)
@click.option(
    "--suite",
    "chosen",
    type=click.Choice(SUITES),
    multiple=True,
    help="Measure only this; the claims of the others stay unknown.",
)
@click.option("--criteria", type=click.Path(path_type=Path), help="Criteria file (YAML).")
@click.option(
    "--deploy",
    type=click.Path(path_type=Path),
    help="Plan as this deploy file declares: search, horizon, goal offset, budget.",
)
@click.option("--sign-key", type=click.Path(path_type=Path), help="Private key to sign with.")
@click.option("--passphrase-env", metavar="VARIABLE", help="Variable with the key's passphrase.")
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
@click.option(
    "--threads",
    type=click.IntRange(1),
    help="Processor threads; 1 for a small model, else torch's choice.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Processes that run cells; the result is the same for any number.",
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    model: Path,
    world: str | None,
    data: str | None,
    held_out: bool,
    adapter: str,
    out: Path | None,
    profile: str,
    chosen: tuple[str, ...],
    criteria: Path | None,
    deploy: Path | None,
    sign_key: Path | None,
    passphrase_env: str | None,
    device: str,
    threads: int | None,
    workers: int,
    seed: int,
    as_json: bool,
) -> None:
    """Measure a checkpoint; judge nothing.

    Leaves measurements.json, envelope.json, report.html, deploy.yaml and, with a key,
    attestation.json. A run that was stopped goes on where it stopped.

    \b
    Example:
        envelope measure --model ckpt.pt --sign-key lab.key
        envelope measure --model ckpt.pt --data episodes.h5 --held-out

    Exit status: 0 when all planned cells ran, 2 when one crashed or nothing could be
    measured.
    """

    from envelope.cli.files import Folder, folder_beside, read_bytes
    from envelope.cli.render import write_record_and_report
    from envelope.cli.run import run_timed
    from envelope.cli.sign import sign
    from envelope.criteria import default_criteria, load_criteria
    from envelope.deploy import parse_deploy
    from envelope.scope import compare_scope
    from perturbations.profiles import find_profile

    if not os.environ.get("ENVELOPE_TRACEBACK"):
        logging.getLogger("perturbations").setLevel(logging.ERROR)  # a crash is told in one line
    if data is not None and not data.strip():
        raise BadFile(
            "--data is empty, so no data set is named",
            next_step="name one, or leave --data out to measure in a simulator",
        )
    if held_out and data is None:
        raise BadFile(
            "--held-out is about recorded episodes, and --data names none",
            next_step="name them with --data, or leave --held-out out: a simulator draws its own",
        )
    files = Folder(out or folder_beside(model))
    if sign_key is not None:
        from envelope.keyfiles import read_private_key

        read_private_key(sign_key, passphrase_env=passphrase_env)
    given = None
    if deploy is not None:
        given = parse_deploy(read_bytes(deploy, next_step="check the path"), str(deploy))
    started = time.monotonic()
    choices = Choices(
        model=model,
        criteria=load_criteria(criteria) if criteria else default_criteria(),
        profile=find_profile(profile),
        suites=tuple(name for name in SUITES if not chosen or name in chosen),
        world=world,
        data=data,
        is_held_out=held_out,
        adapter=adapter,
        seed=seed,
        device=device,
        declared=given.file.planner_scope if given else None,
        threads=threads,
        num_workers=workers,
    )
    measurements, by_kind = run_timed(choices, files, now=datetime.now(UTC))
    envelope = write_record_and_report(files, measurements, checkpoint=model)
    if sign_key is not None:
        sign(files, envelope, sign_key, passphrase_env=passphrase_env)

    outside = (
        [one.field for one in compare_scope(envelope, given) if one.status != "inside"]
        if given
        else []
    )
    crashed = [cell for cell in measurements.cells if cell.status == "crashed"]
    status = 2 if crashed else 0
    if as_json:
        click.echo(
            json.dumps(
                {
                    "exit_status": status,
                    "folder": str(files.path),
                    "claims": {claim.id: claim.verdict for claim in envelope.claims},
                    "crashed_cells": len(crashed),
                    "seconds": round(time.monotonic() - started, 1),
                    "run_cells": measurements.timing.run_cells,
                    "reused_cells": measurements.timing.reused_cells,
                    "suite_seconds": measurements.timing.suite_seconds,
                    "kind_seconds": {kind: round(spent, 1) for kind, spent in by_kind.items()},
                    "signed": sign_key is not None,
                },
                indent=1,
            )
        )
    else:
        _tell(files.path, envelope.claims, time.monotonic() - started, signed=sign_key is not None)
        click.echo(time_spent(measurements.timing, by_kind), err=True)
        if outside:
            click.echo(f"{deploy} is still outside by {', '.join(outside)}")
    if crashed:
        names = sorted({f"{cell.suite} {cell.arm}: {cell.error}" for cell in crashed})
        click.echo(
            f"envelope: {len(crashed)} of {len(measurements.cells)} cells crashed; their claims "
            f"are unknown: {'; '.join(names[:3])}\n"
            "  Next: mend the cause and run the same command again; finished cells are kept",
            err=True,
        )
    ctx.exit(status)


def time_spent(timing: Timing, by_kind: dict[str, float]) -> str:
    """Where the time went, and how much of it an earlier run had already spent."""
    share = timing.reused_cells / max(1, timing.reused_cells + timing.run_cells)
    return (
        f"cells: {timing.run_cells} run, {timing.reused_cells} kept from before ({share:.0%})\n"
        f"seconds by suite, kept cells at their first cost: {_listed(timing.suite_seconds)}\n"
        f"seconds of this run by kind: {_listed(by_kind)}"
    )


def _listed(seconds: dict[str, float]) -> str:
    longest_first = sorted(seconds.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {spent:.1f}" for name, spent in longest_first) or "none"


def _tell(folder: Path, claims: list, seconds: float, *, signed: bool) -> None:  # type: ignore[type-arg]
    from envelope.records import Claim

    marks = {"holds": "✓", "fails": "✗", "unknown": "?"}
    judged: list[Claim] = claims
    for claim in judged:
        is_plain = claim.kind == "requirement" and claim.verdict != "unknown"
        word = claim.verdict if is_plain else claim.outcome.replace("_", " ")
        click.echo(f"{marks[claim.verdict]} {claim.id:34s} {word:20s} {claim.reason}")
    counts = {verdict: sum(c.verdict == verdict for c in judged) for verdict in marks}
    click.echo(
        f"\n{counts['holds']} hold, {counts['fails']} fail or are recorded bounds, "
        f"{counts['unknown']} unknown; measured in {seconds:.0f} s"
    )
    click.echo(f"report: {folder / 'report.html'}")
    click.echo(f"deploy: {folder / 'deploy.yaml'}")
    if signed:
        click.echo(f"signed: {folder / 'attestation.json'}")
    else:
        click.echo(f"not signed; sign with: envelope sign {folder} --sign-key NAME.key")
    sys.stdout.flush()
