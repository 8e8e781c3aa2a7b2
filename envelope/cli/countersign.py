"""`envelope countersign`: a second person vouches for the same bytes."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from envelope.cli.files import Folder, read_bytes, write_whole

if TYPE_CHECKING:
    from envelope.cli.genuine import Genuine
    from envelope.signing import PublicKey
    from envelope.trust import Trust


@click.command("countersign")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--sign-key", type=click.Path(path_type=Path), required=True, help="Your own private key."
)
@click.option(
    "--passphrase-env", metavar="VARIABLE", help="Name of the variable that holds the passphrase."
)
@click.option("--key", type=click.Path(path_type=Path), help="Public key of who signed first.")
@click.option("--trust", type=click.Path(path_type=Path), help="Trust file that has it.")
@click.option("--recompute", is_flag=True, help="Recompute summaries and claims from the rows.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    folder: Path,
    sign_key: Path,
    passphrase_env: str | None,
    key: Path | None,
    trust: Path | None,
    recompute: bool,
    as_json: bool,
) -> None:
    """Add your signature to FOLDER/attestation.json, of a record or of a decision of the gate.

    The folder is verified first, as by `envelope verify`: somebody you trust must have signed it
    already, and every file in it must be what was signed. A record is drafted again as well, and
    must be the same. The signed bytes do not change, so the identity stays and earlier signatures
    go on to hold; a trust file with `policy: {threshold: 2}` then asks for both.

    \b
    Example:
        envelope countersign ckpt.envelope --sign-key mine.key --key lab.pub

    Exit status: 0 countersigned, 2 not, 3 the folder is not what a trusted key signed.
    """
    from envelope.attestation import countersign
    from envelope.cli.genuine import read_genuine, require_files_beside
    from envelope.cli.verify import require_recomputed, require_rows
    from envelope.keyfiles import read_private_key
    from envelope.trust_lookup import find_trust

    files = Folder(folder)
    data = read_bytes(files.attestation, next_step="check the path, or run `envelope sign` first")
    mine = read_private_key(sign_key, passphrase_env=passphrase_env)
    believed = _one_suffices(find_trust(key=key, trust=trust))
    genuine = read_genuine(data, believed, now=datetime.now(UTC), name=str(files.attestation))
    if recompute:
        require_rows(genuine)
    matched = require_files_beside(genuine, folder)
    _require_drafted(genuine, files)
    if recompute:
        require_recomputed(genuine, folder)
    signers = genuine.verified.keys
    signed = countersign(data, mine, signers, str(files.attestation))
    write_whole(files.attestation, signed)
    if as_json:
        told = _for_programs(genuine, mine.public, files)
        click.echo(json.dumps({**told, "files": matched, "recomputed": recompute}, indent=1))
        return
    click.echo(f"countersigned: {files.attestation}")
    for signer in signers:
        click.echo(f"signed by key  {signer.key_id}")
    click.echo(f"and now by key {mine.public.key_id}")


def _one_suffices(believed: "Trust") -> "Trust":
    """The same trust before the signatures are all there: a threshold is for who relies on them."""
    policy = believed.policy.model_copy(update={"threshold": 1})
    return replace(believed, policy=policy)


def _require_drafted(genuine: "Genuine", files: Folder) -> None:
    """Hold a record to its measurements, as `envelope sign` does."""
    from envelope.cli.recompute import require_drafted
    from envelope.records import Envelope

    if isinstance(genuine.content, Envelope):
        require_drafted(files.read_measurements(), genuine.content)


def _for_programs(genuine: "Genuine", added: "PublicKey", files: Folder) -> dict[str, Any]:
    return {
        "exit_status": 0,
        "countersigned": True,
        "attestation": str(files.attestation),
        f"{genuine.kind}_id": genuine.verified.envelope_id,
        "added_key_id": added.key_id,
        "key_ids": [*(key.key_id for key in genuine.verified.keys), added.key_id],
    }
