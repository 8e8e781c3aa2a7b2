"""`envelope verify-model`: is this the model folder that was signed?"""

import json
from datetime import UTC, datetime
from pathlib import Path

import click


@click.command("verify-model")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--signature",
    type=click.Path(path_type=Path),
    help="Bundle over the folder; FOLDER.sig beside it unless given.",
)
@click.option("--key", type=click.Path(path_type=Path), help="Public key to trust.")
@click.option("--trust", type=click.Path(path_type=Path), help="Trust file.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    folder: Path, signature: Path | None, key: Path | None, trust: Path | None, as_json: bool
) -> None:
    """Check a signature of OpenSSF Model Signing, and every path and digest under it.

    A file that was not signed is refused, also one that the signer chose to ignore. Git's own files
    are let be and listed: nothing covers them.

    \b
    Example:
        envelope verify-model my-lewm --signature my-lewm.sig --key lab.pub

    Exit status: 0 the folder that was signed, 2 could not evaluate, 3 not trusted.
    """
    from envelope.cli.files import read_bytes
    from envelope.oms import PREDICATE_TYPE, read_manifest, require_same_folder
    from envelope.oms_folder import list_folder
    from envelope.trust_lookup import find_trust

    whole = folder.absolute()
    path = signature or whole.with_name(f"{whole.name}.sig")
    data = read_bytes(path, next_step="check the path, or run `envelope sign-model` first")
    believed = find_trust(key=key, trust=trust)
    verified = believed.open(
        data, now=datetime.now(UTC), predicate_type=PREDICATE_TYPE, name=str(signature or path.name)
    )
    manifest = read_manifest(verified)
    listing = list_folder(folder, but=path)
    require_same_folder(manifest, listing, str(folder))
    if as_json:
        content = {
            "exit_status": 0,
            "verified": True,
            "key_id": verified.key.key_id,
            "files": dict(manifest.digests),
            "not_covered": list(listing.git),
        }
        click.echo(json.dumps(content, indent=1))
        return
    click.echo(f"GENUINE  signed by key {verified.key.key_id}")
    for name, digest in manifest.digests.items():
        click.echo(f"matches  {name}  {digest[:12]}")
    for name in listing.git:
        click.echo(f"not covered: {name}")
