"""`envelope sign-model`: vouch for every file of a model folder."""

from pathlib import Path

import click


@click.command("sign-model")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--sign-key", type=click.Path(path_type=Path), required=True, help="Private key.")
@click.option(
    "--passphrase-env", metavar="VARIABLE", help="Name of the variable that holds the passphrase."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Signature to write, outside the folder; FOLDER.sig beside it unless given.",
)
def command(folder: Path, sign_key: Path, passphrase_env: str | None, out: Path | None) -> None:
    """Sign all files of FOLDER in the format of OpenSSF Model Signing.

    Any tool of that format checks the signature, `envelope verify-model` too. It says who put the
    folder together; what the model is good for says an envelope.

    \b
    Example:
        envelope sign-model my-lewm --sign-key lab.key

    Exit status: 0 signed, 2 not.
    """
    from envelope.cli.files import write_whole
    from envelope.errors import BadFile
    from envelope.keyfiles import read_private_key
    from envelope.oms import sign_folder
    from envelope.oms_folder import list_folder

    whole = folder.absolute()
    target = out or whole.with_name(f"{whole.name}.sig")
    if target.resolve().is_relative_to(folder.resolve()):
        raise BadFile(
            f"{target} lies in the folder that it is to vouch for, and would be one file too many",
            next_step="choose --out outside the folder",
        )
    key = read_private_key(sign_key, passphrase_env=passphrase_env)
    listing = list_folder(folder)
    write_whole(target, sign_folder(listing, whole.name, key))
    for path in listing.digests:
        click.echo(f"signed: {path}")
    for name in listing.git:
        click.echo(f"left out: {name}")
    click.echo(f"signature: {out or target.name}")
