"""`envelope trust`: whose signatures count on this machine."""

from pathlib import Path

import click


@click.group("trust")
def command() -> None:
    """Say whose signatures count here.

    \b
    Example:
        envelope trust add lab.pub
        envelope trust show

    Exit status: 0 done, 2 bad file or key, 3 nobody is trusted.
    """


@command.command()
@click.argument("public_key", type=click.Path(path_type=Path))
@click.option("--name", help="What to call the key; the file's name without this.")
def add(public_key: Path, name: str | None) -> None:
    """Trust a public key as auditor from now on.

    \b
    Example:
        envelope trust add lab.pub

    Exit status: 0 trusted, 2 not.
    """
    from envelope.trust_lookup import trust_key

    trust_file = trust_key(public_key, name=name)
    click.echo(f"trusted from now on, by {trust_file}")


@command.command()
def show() -> None:
    """Print the keys that count, and where that was said."""
    from envelope.trust_lookup import find_trust

    trust = find_trust()
    click.echo(f"by {trust.source}:")
    for key in trust.keys:
        click.echo(f"  {key.name}  {', '.join(key.roles)}  {key.public.key_id}")
