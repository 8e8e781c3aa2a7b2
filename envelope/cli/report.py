"""`envelope report`: the page again from a stored record."""

from pathlib import Path

import click

from envelope.cli.files import Folder, write_whole


@click.command("report")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--out", type=click.Path(path_type=Path), help="Page to write; FOLDER/report.html.")
def command(folder: Path, out: Path | None) -> None:
    """Render FOLDER/envelope.json and measurements.json as one HTML file.

    The record is drafted again from the rows first; one that does not follow from them is
    refused.

    \b
    Example:
        envelope report ckpt.envelope --out audit.html

    Exit status: 0 written, 2 not, 3 the record does not follow from its rows.
    """
    from envelope.cli.recompute import require_same_record
    from reports import render

    files = Folder(folder)
    measurements, envelope = files.read_measurements(), files.read_envelope()
    require_same_record(measurements, envelope)
    page = out or files.report
    write_whole(page, render(envelope, measurements))
    click.echo(f"report: {page}")
