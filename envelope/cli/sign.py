"""`envelope sign`: vouch for a record, its measurements and its report."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from envelope.cli.files import Folder, read_bytes, write_whole
from envelope.errors import DigestMismatch
from envelope.records import Envelope

if TYPE_CHECKING:
    from envelope.signing import PrivateKey


@click.command("sign")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--sign-key", type=click.Path(path_type=Path), required=True, help="Private key.")
@click.option(
    "--passphrase-env", metavar="VARIABLE", help="Name of the variable that holds the passphrase."
)
def command(folder: Path, sign_key: Path, passphrase_env: str | None) -> None:
    """Write FOLDER/attestation.json over the envelope, measurements and report in FOLDER.

    The record is drafted and the page rendered again from the measurements first; what does not
    follow from them is not signed. Summaries are taken as they stand: `envelope verify
    --recompute` holds them to the rows.

    \b
    Example:
        envelope sign ckpt.envelope --sign-key lab.key

    Exit status: 0 signed, 2 not, 3 record or page do not follow from the measurements.
    """
    from envelope.cli.recompute import require_drafted
    from envelope.draft import measurements_digest
    from reports import render

    files = Folder(folder)
    envelope, measurements = files.read_envelope(), files.read_measurements()
    if measurements_digest(measurements) != envelope.measurements_digest:
        raise DigestMismatch(
            f"{files.envelope} was drafted from other measurements than {files.measurements}",
            next_step=f"run `envelope draft {folder}`, then sign again",
        )
    require_drafted(measurements, envelope)
    if _page(files) != render(envelope, measurements):
        raise DigestMismatch(
            f"{files.report} is not the page that {files.envelope.name} gives",
            next_step=f"run `envelope report {folder}`, then sign again",
        )
    sign(files, envelope, sign_key, passphrase_env=passphrase_env)
    click.echo(f"signed: {files.attestation}")


def sign(
    files: Folder, envelope: Envelope, sign_key: Path, *, passphrase_env: str | None = None
) -> None:
    """Sign what lies in the folder now.

    Raises:
        DigestMismatch: the page there names another record.
    """
    from envelope.attestation import envelope_id
    from envelope.cli.page import require_page_of
    from envelope.keyfiles import read_private_key

    key = read_private_key(sign_key, passphrase_env=passphrase_env)
    page = _page(files)
    again = "run `envelope report`, then sign again"
    digest = envelope_id(envelope.model_dump(mode="json"))
    require_page_of(files.report, page, digest, next_step=again)
    evidence = read_bytes(files.measurements, next_step="run `envelope measure` first")
    beside = {files.measurements.name: evidence, files.report.name: page}
    write_whole(files.attestation, attest(envelope, beside, key))


def _page(files: Folder) -> bytes:
    return read_bytes(files.report, next_step="run `envelope report` first")


def attest(envelope: Envelope, beside: Mapping[str, bytes], key: "PrivateKey") -> bytes:
    """The attestation of a record.

    Subjects: each file of the checkpoint, its tensors, and the files `beside` the record by name.
    """
    from envelope.attestation import Subject, make
    from envelope.digest import TENSOR_DIGEST, bytes_sha256

    state = envelope.model_state
    subjects = [Subject(file.path, {"sha256": file.sha256}) for file in state.files]
    subjects.append(Subject(f"{state.files[0].path}#tensors", {TENSOR_DIGEST: state.tensor_digest}))
    subjects += [Subject(name, {"sha256": bytes_sha256(data)}) for name, data in beside.items()]
    return make(envelope.model_dump(mode="json"), subjects, key)
