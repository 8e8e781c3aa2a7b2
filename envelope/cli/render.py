"""From measurements to the record, the report and the deployment template."""

import os
from pathlib import Path

from envelope.cli.files import Folder, write_record, write_whole
from envelope.deploy import deploy_template
from envelope.draft import draft
from envelope.records import Criteria, Envelope, Measurements
from reports import render


def write_record_and_report(
    files: Folder,
    measurements: Measurements,
    *,
    checkpoint: Path | None,
    criteria: Criteria | None = None,
) -> Envelope:
    """Write measurements.json, envelope.json, report.html and deploy.yaml.

    Args:
        files: the folder.
        measurements: what was measured.
        checkpoint: where the checkpoint lies, for the deployment template; None keeps its name.
        criteria: judge by these instead of those of the plan.
    """
    envelope = draft(measurements, criteria)
    write_record(files.measurements, measurements)
    write_record(files.envelope, envelope)
    write_whole(files.report, render(envelope, measurements))
    name = envelope.model_state.files[0].path
    if checkpoint is not None:
        files.path.mkdir(parents=True, exist_ok=True)
        name = Path(os.path.relpath(checkpoint, files.path)).as_posix()
    template = deploy_template(envelope, files.attestation.name, name)
    write_whole(files.deploy, template.encode())
    return envelope
