"""`envelope verify` on a decision of the gate: is it about these files, and unedited?"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from envelope.cli.files import GateFolder, read_record
from envelope.errors import BadFile, DigestMismatch

if TYPE_CHECKING:
    from envelope.attestation import Verified
    from envelope.gate import Gate


def verify_decision(
    verified: "Verified",
    gate: "Gate",
    folder: Path,
    extra: tuple[Path, ...],
    load: Path | None,
    recompute: bool,
    as_json: bool,
) -> None:
    """Compare files with the subjects of a decision, and say what was decided.

    Args:
        verified: the statement, its signature checked.
        gate: the decision in it.
        folder: where the attestation lies; files written beside it are compared as well. The
            models are not looked for there: `base/` and `candidate/` are no folders.
        extra: files that must be subjects.
        load: checkpoint that must be the candidate, compared by tensors.
        recompute: ask for more than a decision carries.
        as_json: print an object.

    Raises:
        DigestMismatch: a file is not what the decision is about.
        BadFile: a file cannot be read, or rows were asked for.
    """
    from envelope.cli.verify import among_subjects, of_the_record

    if recompute:
        raise BadFile(
            f"{verified.name} is a decision of the gate and carries no rows to recompute it from",
            next_step="leave --recompute out: statuses and decision are always held to the "
            "intervals; `envelope gate` decides again from the cells that it kept",
        )
    beside = [folder / one.name for one in verified.subjects if "/" not in one.name]
    matched = [of_the_record(path, verified) for path in beside if path.is_file()]
    matched += [among_subjects(path, verified) for path in extra]
    _require_same_content(GateFolder(folder), gate)
    if load is not None:
        matched.append(_candidate_by_tensors(load, gate))
    if as_json:
        content = {
            "exit_status": 0,
            "verified": True,
            "key_id": verified.key.key_id,
            "gate_id": verified.envelope_id,
            "decision": gate.decision,
            "reasons": [reason.model_dump() for reason in gate.reasons],
            "measured_at": gate.measured_at,
            "files": matched,
        }
        click.echo(json.dumps(content, indent=1))
        return
    click.echo(f"GENUINE  signed by key {verified.key.key_id}")
    click.echo(f"decision {verified.envelope_id}, measured {gate.measured_at}")
    for line in gate.headline():
        click.echo(line)
    for match in matched:
        click.echo(f"matches  {match['file']}  ({match['subject']})")
    click.echo("This says who vouches for the decision; to be deployed, a model needs an envelope.")


def _require_same_content(files: GateFolder, signed: "Gate") -> None:
    from envelope.gate import Gate

    if files.gate.exists() and read_record(files.gate, Gate) != signed:
        raise DigestMismatch(
            f"{files.gate} is not the decision that {files.attestation.name} carries",
            next_step="restore it, or run `envelope gate` with --sign-key again",
        )


def _candidate_by_tensors(path: Path, gate: "Gate") -> dict[str, Any]:
    from envelope.cli.verify import recognised

    how, sha256 = recognised(path, gate.candidate)
    name = f"candidate/{gate.candidate.files[0].path}"
    return {"file": str(path), "subject": f"{name}, by its {how}", "sha256": sha256}
