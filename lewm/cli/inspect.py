"""`lewm inspect`: what a data set holds."""

import json

import click

from lewm.cli.options import json_option


@click.command()
@click.argument("data")
@json_option
def inspect(data: str, as_json: bool) -> int:
    """Say what a data set holds, and what is wrong with it.

    DATA is an HDF5 file, a Lance table or lerobot://NAME.

    \b
    Example:
        lewm inspect data.h5

    Exit status: 0 nothing is wrong, 2 something is, or it cannot be read.
    """
    from lewm.data.report import inspect as look
    from lewm.data.sources import open_source

    with open_source(data) as source:
        report = look(source)
    click.echo(json.dumps(report.to_json(), indent=1) if as_json else report.as_text())
    return 2 if report.problems else 0
