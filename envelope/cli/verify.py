"""`envelope verify`: is this attestation genuine, and about these files?"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from envelope.cli.files import Folder, read_bytes
from envelope.errors import BadFile, DigestMismatch
from envelope.records import Envelope, ModelState
from envelope.times import parse_time

if TYPE_CHECKING:
    from envelope.attestation import Verified


@click.command("verify")
@click.argument("attestation", type=click.Path(path_type=Path))
@click.option(
    "--file",
    "extra",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A file that must be one of the attestation's subjects.",
)
@click.option("--load", type=click.Path(path_type=Path), help="Checkpoint to compare by tensors.")
@click.option("--recompute", is_flag=True, help="Recompute summaries and claims from the rows.")
@click.option("--key", type=click.Path(path_type=Path), help="Public key to trust.")
@click.option("--trust", type=click.Path(path_type=Path), help="Trust file.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    attestation: Path,
    extra: tuple[Path, ...],
    load: Path | None,
    recompute: bool,
    key: Path | None,
    trust: Path | None,
    as_json: bool,
) -> None:
    """Check the signature, and that files are the ones it speaks of.

    The evidence, which is in measurements.json, must lie beside the attestation; record and page
    are compared where they do. It may be an envelope's attestation or that of a decision of
    `envelope gate`, where --load is the candidate.

    \b
    Example:
        envelope verify ckpt.envelope/attestation.json --key lab.pub --file ckpt.pt

    Exit status: 0 genuine, 2 could not evaluate, 3 not trusted.
    """
    from envelope.cli.verify_gate import verify_decision
    from envelope.gate_attestation import decision_of, is_decision, open_any
    from envelope.trust_lookup import find_trust

    data = read_bytes(attestation, next_step="check the path, or run `envelope sign` first")
    now = datetime.now(UTC)
    believed = find_trust(key=key, trust=trust)
    verified = open_any(believed, data, now=now, name=str(attestation))
    if is_decision(verified):
        decision = decision_of(verified)
        believed.policy.require_fresh(parse_time(decision.measured_at, "measured_at"), now=now)
        verify_decision(verified, decision, attestation.parent, extra, load, recompute, as_json)
        return
    envelope = verified.record(Envelope)
    believed.policy.require_fresh(parse_time(envelope.measured_at, "measured_at"), now=now)
    folder = Folder(attestation.parent)

    matched = [of_the_record(folder.measurements, verified)]
    if folder.report.exists():
        matched.append(of_the_record(folder.report, verified))
        _require_page(folder, verified)
    matched += [among_subjects(path, verified) for path in extra]
    if folder.envelope.exists():
        _require_same_content(folder, envelope)
    if load is not None:
        matched.append(_by_tensors(load, envelope))
    if recompute:
        from envelope.cli.recompute import require_same_record

        require_same_record(folder.read_measurements(), envelope)

    if as_json:
        content = {
            "exit_status": 0,
            "verified": True,
            "key_id": verified.key.key_id,
            "envelope_id": verified.envelope_id,
            "measured_at": envelope.measured_at,
            "valid_until": envelope.valid_until,
            "files": matched,
            "recomputed": recompute,
        }
        click.echo(json.dumps(content, indent=1))
        return
    click.echo(f"GENUINE  signed by key {verified.key.key_id}")
    click.echo(f"record   {verified.envelope_id}")
    click.echo(f"measured {envelope.measured_at}, valid until {envelope.valid_until}")
    for match in matched:
        click.echo(f"matches  {match['file']}  ({match['subject']})")
    if recompute:
        click.echo("matches  every summary and claim, recomputed from the rows")
    click.echo("This says who vouches for the record; `envelope check` says whether it applies.")


def of_the_record(path: Path, verified: "Verified") -> dict[str, Any]:
    """Hold one of the files beside the attestation to the subject of its name.

    Raises:
        BadFile: it is not there.
        DigestMismatch: it is another file.
    """
    if not path.exists():
        raise BadFile(
            f"{path} is missing: the evidence of the record cannot be compared",
            next_step="restore it from its signer; `envelope check` needs the attestation alone",
        )
    match = among_subjects(path, verified)
    if match["subject"] != path.name:
        raise DigestMismatch(
            f"{path} is not what {verified.name} is about: it holds {match['subject']}",
            next_step="restore the file as it was signed",
        )
    return match


def among_subjects(path: Path, verified: "Verified") -> dict[str, Any]:
    """Hold a file to the subjects, whatever it is called.

    Raises:
        BadFile: it cannot be read.
        DigestMismatch: it is none of them.
    """
    from envelope.digest import bytes_sha256

    sha256 = bytes_sha256(read_bytes(path, next_step="check the path"))
    subject = verified.require_subject(str(path), sha256=sha256)
    return {"file": str(path), "subject": subject.name, "sha256": sha256}


def _require_page(folder: Folder, verified: "Verified") -> None:
    """Hold the page to the record, for a signer could have put any page among the subjects."""
    from envelope.cli.page import require_page_of

    page = read_bytes(folder.report, next_step="check the path")
    ask = "ask the signer for the page of this record; `envelope report` makes it again"
    require_page_of(folder.report, page, verified.envelope_id, next_step=ask)


def _require_same_content(folder: Folder, signed: Envelope) -> None:
    """Hold envelope.json to the signed record, so that nobody reads another one beside it."""
    try:
        same = folder.read_envelope() == signed
    except BadFile:
        same = False
    if not same:
        raise DigestMismatch(
            f"{folder.envelope} is not the record that {folder.attestation.name} carries",
            next_step="restore it, or run `envelope draft` and `envelope sign` again",
        )


def _by_tensors(path: Path, envelope: Envelope) -> dict[str, Any]:
    how, sha256 = recognised(path, envelope.model_state)
    subject = f"{envelope.model_state.files[0].path}, by its {how}"
    return {"file": str(path), "subject": subject, "sha256": sha256}


def recognised(path: Path, state: ModelState) -> tuple[str, str]:
    """Load a checkpoint, running nothing in it, and compare tensors and configuration.

    Returns:
        By what it was recognised, and the sha256 of its first file.

    Raises:
        DigestMismatch: it is another model.
    """
    from envelope.cli.identity import identify
    from envelope.same_model import ModelIdentity, require_same_model
    from lewm.adapter import load_model

    found = identify(load_model(path))
    at_hand = ModelIdentity(
        name=path.name,
        files={file.path: file.sha256 for file in found.files},
        tensor_digest=found.tensor_digest,
        config_digest=found.config_digest,
    )
    return require_same_model(state, at_hand), found.files[0].sha256
