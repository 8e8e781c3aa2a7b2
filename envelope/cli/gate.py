"""`envelope gate`: may this candidate take its base's place?"""

import logging
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from envelope.errors import BadFile, EnvelopeError

if TYPE_CHECKING:
    from envelope.cli.files import GateFolder
    from envelope.gate import Gate
    from envelope.records import Envelope, Measurements
    from envelope.signing import PrivateKey


@click.command("gate")
@click.option("--base", type=click.Path(path_type=Path), required=True, help="Checkpoint in use.")
@click.option(
    "--candidate",
    type=click.Path(path_type=Path),
    required=True,
    help="Checkpoint that is to take its place, such as a fine-tune.",
)
@click.option(
    "--profile",
    type=click.Choice(["brief", "quick", "standard", "deep"]),
    default="quick",
    show_default=True,
    help="How much to measure.",
)
@click.option("--cases", type=click.IntRange(10, 100_000), help="Closed-loop cases instead.")
@click.option("--episodes", type=click.IntRange(10, 100_000), help="Lawful episodes instead.")
@click.option(
    "--margin",
    type=click.FloatRange(0, 0.5, min_open=True),
    default=0.05,
    show_default=True,
    help="Largest harmless loss of success, more false alarms and drift; twice it for detection.",
)
@click.option(
    "--monitor",
    "monitors",
    multiple=True,
    default=("surprise",),
    show_default=True,
    help="Monitor that the deployment relies on; repeat for several.",
)
@click.option("--criteria", type=click.Path(path_type=Path), help="Criteria file (YAML).")
@click.option(
    "--envelope",
    "attestation",
    type=click.Path(path_type=Path),
    help="The base's attestation: its criteria and planner are used, and the base must be its.",
)
@click.option("--key", type=click.Path(path_type=Path), help="Public key to trust.")
@click.option("--trust", type=click.Path(path_type=Path), help="Trust file.")
@click.option("--world", help="World to measure in; the base's own unless given.")
@click.option("--adapter", default="lewm", show_default=True, help="How to read the checkpoints.")
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
@click.option("--threads", type=click.IntRange(1), help="Processor threads.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Processes that run cells; the result is the same for any number.",
)
@click.option("--seed", type=int, help="What cases and episodes are drawn from; 0 unless given.")
@click.option(
    "--fresh",
    is_flag=True,
    help="Draw cases from the digests of both models, and believe nothing measured before.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder; CANDIDATE's stem + .gate.")
@click.option("--html", type=click.Path(path_type=Path), help="Page to write, for people.")
@click.option("--sign-key", type=click.Path(path_type=Path), help="Private key to sign with.")
@click.option("--passphrase-env", metavar="VARIABLE", help="Variable with the key's passphrase.")
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    base: Path,
    candidate: Path,
    profile: str,
    cases: int | None,
    episodes: int | None,
    margin: float,
    monitors: tuple[str, ...],
    criteria: Path | None,
    attestation: Path | None,
    key: Path | None,
    trust: Path | None,
    world: str | None,
    adapter: str,
    device: str,
    threads: int | None,
    workers: int,
    seed: int | None,
    fresh: bool,
    out: Path | None,
    html: Path | None,
    sign_key: Path | None,
    passphrase_env: str | None,
    as_json: bool,
) -> None:
    """Compare a candidate with its base on the same cases, and accept or revert.

    Leaves gate.json in the folder, with a key attestation.json, and a page where --html says. What
    `envelope measure` found out about either model before is used, with --envelope only what was
    signed, and a run that was stopped goes on where it stopped. For a candidate that you did not
    make yourself take --fresh. See docs/gate.md.

    \b
    Example:
        envelope gate --base base.pt --candidate tuned.pt

    Exit status: 0 accepted, 1 reverted or undecided, 2 could not evaluate, 3 evidence
    not trusted.
    """
    from envelope.cli.choices import Choices
    from envelope.cli.files import Folder, GateFolder, folder_beside
    from envelope.cli.gate_files import require_targets
    from envelope.criteria import default_criteria, load_criteria
    from envelope.deploy import DeployedPlanner
    from envelope.keyfiles import read_private_key
    from envelope.records import Margins
    from perturbations.profiles import find_profile

    if not os.environ.get("ENVELOPE_TRACEBACK"):
        logging.getLogger("perturbations").setLevel(logging.ERROR)  # a crash is told in one line
    files = GateFolder(out or folder_beside(candidate).with_suffix(".gate"))
    read = {
        "--base": base,
        "--candidate": candidate,
        "--criteria": criteria,
        "--envelope": attestation,
        "--key": key,
        "--trust": trust,
        "--sign-key": sign_key,
        "the folder of kept cells": files.cells,
        "the base's folder of kept cells": Folder(folder_beside(base)).cells,
        "the candidate's folder of kept cells": Folder(folder_beside(candidate)).cells,
    }
    require_targets(files, html, {of: path for of, path in read.items() if path is not None})
    if attestation is not None and criteria is not None:
        raise BadFile(
            f"--criteria is {criteria} and --envelope {attestation}, which has criteria too",
            next_step="give one of them",
        )
    if fresh and seed is not None:
        raise click.UsageError("--fresh draws from the two models: leave --seed out")
    signer = None
    if sign_key is not None:
        signer = read_private_key(sign_key, passphrase_env=passphrase_env)
    record = signed = None
    if attestation is not None:
        record, signed = _attested(attestation, key, trust)
    # All that needs torch comes after what can be refused without it.
    from envelope.cli.measure import time_spent
    from envelope.cli.migrate import SUITES, migrate

    chosen = find_profile(profile)
    chosen = replace(
        chosen,
        num_cases=cases or chosen.num_cases,
        num_scoring_episodes=episodes or chosen.num_scoring_episodes,
        goal_offsets_env_steps=(),
    )
    given = load_criteria(criteria) if criteria else default_criteria()
    declared = None
    if record is not None:
        given = record.criteria
        scope = record.planner_scope.model_dump(include=set(DeployedPlanner.model_fields))
        declared = DeployedPlanner.model_validate(scope)
    outcome = migrate(
        Choices(
            model=base,
            criteria=given,
            profile=chosen,
            suites=SUITES,
            world=world,
            adapter=adapter,
            seed=seed or 0,
            device=device,
            declared=declared,
            threads=threads,
            num_workers=workers,
        ),
        candidate,
        files.cells,
        margins=Margins(
            success=margin, detection=2 * margin, false_alarms=margin, usable_horizon=margin
        ),
        monitors=monitors,
        now=datetime.now(UTC),
        recorded=record.model_state if record else None,
        signed=signed,
        fresh=fresh,
    )
    if outcome.crashed:
        names = sorted({f"{one.suite} {one.arm}: {one.error}" for one in outcome.crashed})
        raise _Crashed(
            f"{len(outcome.crashed)} cells crashed, so nothing was decided: {'; '.join(names[:3])}",
            next_step="mend the cause and run the same command again; finished cells are kept",
        )
    _write(files, outcome.gate, signer, html)
    click.echo(outcome.gate.as_json() if as_json else outcome.gate.as_text())
    click.echo(time_spent(outcome.timing, outcome.seconds_by_kind), err=True)
    ctx.exit(outcome.gate.exit_status)


def _write(
    files: "GateFolder", decided: "Gate", signer: "PrivateKey | None", html: Path | None
) -> None:
    """Write the decision, its page and its attestation, whichever were asked for.

    An attestation that lies there goes first: it vouches for another decision.
    """
    from envelope.cli.files import as_stored, write_record, write_whole
    from envelope.gate_attestation import attest
    from reports.migration import page

    decided = as_stored(decided)  # whoever reads gate.json makes the same page
    shown = None if html is None else page(decided)
    files.attestation.unlink(missing_ok=True)
    write_record(files.gate, decided)
    beside = {files.gate.name: files.gate.read_bytes()}
    if html is not None and shown is not None:
        write_whole(html, shown)
        beside[html.name] = shown
    if signer is not None:
        write_whole(files.attestation, attest(decided, beside, signer))


class _Crashed(EnvelopeError):
    """A suite raised; that is no finding about the candidate."""

    reason = "crashed"


def _attested(
    attestation: Path, key: Path | None, trust: Path | None
) -> "tuple[Envelope, Measurements | None]":
    """The base's record, once somebody trusted vouches for it, and the measurements beside it.

    Raises:
        NotTrusted: nobody does, or the measurements are not the signed ones.
    """
    from envelope.cli.files import read_bytes
    from envelope.cli.kept_cells import signed_measurements
    from envelope.records import Envelope
    from envelope.times import parse_time
    from envelope.trust_lookup import find_trust

    now = datetime.now(UTC)
    believed = find_trust(key=key, trust=trust)
    data = read_bytes(attestation, next_step="check the path, or leave --envelope out")
    verified = believed.open(data, now=now, name=str(attestation))
    record = verified.record(Envelope)
    believed.policy.require_fresh(parse_time(record.measured_at, "measured_at"), now=now)
    return record, signed_measurements(attestation, verified)
