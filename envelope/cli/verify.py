"""`envelope verify`: is this attestation genuine, and about these files?"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from envelope.cli.files import Folder, read_bytes
from envelope.errors import BadFile

if TYPE_CHECKING:
    from envelope.cli.genuine import Genuine, Match


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
    """Check the signatures, and that files are the ones the attestation speaks of.

    The evidence, which is in measurements.json, must lie beside the attestation; record and page
    are compared where they do. It may be an envelope's attestation or that of a decision of
    `envelope gate`, where --load is the candidate.

    \b
    Example:
        envelope verify ckpt.envelope/attestation.json --key lab.pub --file ckpt.pt

    Exit status: 0 genuine, 2 could not evaluate, 3 not trusted.
    """
    from envelope.cli.genuine import among_subjects, by_tensors, read_genuine, require_files_beside
    from envelope.trust_lookup import find_trust
    from envelope.wrapping import read_wrapping

    data = read_bytes(attestation, next_step="check the path, or run `envelope sign` first")
    believed = find_trust(key=key, trust=trust)
    genuine = read_genuine(data, believed, now=datetime.now(UTC), name=str(attestation))
    if recompute:
        require_rows(genuine)
    matched = require_files_beside(genuine, attestation.parent)
    matched += [among_subjects(path, genuine.verified) for path in extra]
    if load is not None:
        matched.append(by_tensors(load, genuine))
    if recompute:
        require_recomputed(genuine, attestation.parent)
    if as_json:
        click.echo(json.dumps(_for_programs(genuine, matched, recompute), indent=1))
        return
    named = [one.key_id for one in read_wrapping(data, str(attestation)).signatures]
    for line in _for_people(genuine, matched, named, recompute):
        click.echo(line)


def require_rows(genuine: "Genuine") -> None:
    """Refuse to recompute a decision.

    Raises:
        BadFile: it is one.
    """
    if genuine.kind == "gate":
        raise BadFile(
            f"{genuine.verified.name} is a decision of the gate and carries no rows to recompute "
            "it from",
            next_step="leave --recompute out: statuses and decision are always held to the "
            "intervals; `envelope gate` decides again from the cells that it kept",
        )


def require_recomputed(genuine: "Genuine", folder: Path) -> None:
    """Recompute a record from the rows beside it.

    Raises:
        DigestMismatch: it does not follow from them.
    """
    from envelope.cli.recompute import require_same_record
    from envelope.records import Envelope

    assert isinstance(genuine.content, Envelope)
    require_same_record(Folder(folder).read_measurements(), genuine.content)


def _for_programs(
    genuine: "Genuine", matched: "Sequence[Match]", recomputed: bool
) -> dict[str, Any]:
    from envelope.gate import Gate

    verified, content = genuine.verified, genuine.content
    about = {
        "exit_status": 0,
        "verified": True,
        "key_id": verified.key.key_id,
        "key_ids": [key.key_id for key in verified.keys],
        f"{genuine.kind}_id": verified.envelope_id,
        "measured_at": content.measured_at,
        "files": list(matched),
    }
    if isinstance(content, Gate):
        reasons = [reason.model_dump() for reason in content.reasons]
        return {**about, "decision": content.decision, "reasons": reasons}
    return {**about, "valid_until": content.valid_until, "recomputed": recomputed}


def _for_people(
    genuine: "Genuine", matched: "Sequence[Match]", named: Sequence[str], recomputed: bool
) -> Iterator[str]:
    from envelope.gate import Gate

    verified, content = genuine.verified, genuine.content
    trusted = [key.key_id for key in verified.keys]
    yield f"GENUINE  signed by key {trusted[0]}"
    for key_id in trusted[1:]:
        yield f"         and by key {key_id}"
    for hint in sorted(set(named) - set(trusted)):
        yield f"         also in the name of {hint[:64]!a}, whom you do not trust"
    if isinstance(content, Gate):
        yield f"decision {verified.envelope_id}, measured {content.measured_at}"
        yield from content.headline()
    else:
        yield f"record   {verified.envelope_id}"
        yield f"measured {content.measured_at}, valid until {content.valid_until}"
    for match in matched:
        yield f"matches  {match['file']}  ({match['subject']})"
    if recomputed:
        yield "matches  every summary and claim, recomputed from the rows"
    if isinstance(content, Gate):
        yield "This says who vouches for the decision; to be deployed, a model needs an envelope."
    else:
        yield "This says who vouches for the record; `envelope check` says whether it applies."
