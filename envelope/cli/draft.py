"""`envelope draft`: the record again from stored measurements, without running a model."""

from pathlib import Path

import click

from envelope.cli.files import Folder


@click.command("draft")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--criteria", type=click.Path(path_type=Path), help="Judge by these instead.")
def command(folder: Path, criteria: Path | None) -> None:
    """Write FOLDER/envelope.json, report.html and deploy.yaml again from measurements.json.

    Summaries are recomputed from the raw rows; an edited one is refused. An attestation that
    lay there no longer fits and is removed.

    \b
    Example:
        envelope draft ckpt.envelope --criteria stricter.yaml

    Exit status: 0 drafted, 2 not, 3 the measurements contradict their rows.
    """
    from envelope.cli.recompute import require_same_summaries
    from envelope.cli.render import write_record_and_report
    from envelope.criteria import load_criteria

    files = Folder(folder)
    measurements = files.read_measurements()
    require_same_summaries(measurements)
    was_signed = files.attestation.exists()
    envelope = write_record_and_report(
        files,
        measurements,
        checkpoint=None,
        criteria=load_criteria(criteria) if criteria else None,
    )
    if was_signed:
        click.echo(f"removed the old {files.attestation}")
    counts = {
        verdict: sum(claim.verdict == verdict for claim in envelope.claims)
        for verdict in ("holds", "fails", "unknown")
    }
    words = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    click.echo(f"drafted: {files.envelope}, with claims: {words}")
    click.echo(f"next: envelope sign {folder} --sign-key NAME.key")
