"""`envelope keygen`: a key pair to sign with."""

from pathlib import Path

import click

from envelope.signing import Algorithm


@click.command("keygen")
@click.argument("name", type=click.Path(path_type=Path))
@click.option(
    "--algorithm",
    type=click.Choice(["p256", "ed25519"]),
    default="p256",
    show_default=True,
    help="p256 is what every tool and hardware key speaks.",
)
@click.option(
    "--passphrase-env", metavar="VARIABLE", help="Name of the variable that holds the passphrase."
)
def command(name: Path, algorithm: Algorithm, passphrase_env: str | None) -> None:
    """Write NAME.key, to sign with, and NAME.pub, to hand out.

    \b
    Example:
        envelope keygen lab

    Exit status: 0 written, 2 not.
    """
    from envelope.keyfiles import write_key_pair

    pair = write_key_pair(name, algorithm=algorithm, passphrase_env=passphrase_env)
    click.echo(f"private key: {pair.private}  (keep it)")
    click.echo(f"public key:  {pair.public}  (hand it out)")
    click.echo(f"key id:      {pair.key.key_id}")
    if pair.warning:
        click.echo(pair.warning, err=True)
