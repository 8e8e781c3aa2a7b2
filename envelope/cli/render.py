"""From measurements to the record, the report and the deployment template."""

import os
from pathlib import Path

from envelope.cli.files import Folder, as_stored, file_bytes, write_whole
from envelope.deploy import parse_deploy
from envelope.deploy_template import deploy_template
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

    Nothing is written before all of it is known, and an attestation that lies there goes first:
    it vouches for other files.

    Args:
        files: the folder.
        measurements: what was measured.
        checkpoint: where the checkpoint lies, for the deployment template; None keeps what the
            present template says.
        criteria: judge by these instead of those of the plan.
    """
    run_file = file_bytes(measurements)
    measurements = as_stored(measurements, run_file)  # drafted and drawn again: the same bytes
    envelope = draft(measurements, criteria and as_stored(criteria))
    record_file = file_bytes(envelope)
    envelope = as_stored(envelope, record_file)
    page = render(envelope, measurements)
    template = deploy_template(
        envelope,
        f"{files.path.name}/{files.attestation.name}",
        _checkpoint_name(files, checkpoint, envelope),
    )
    files.attestation.unlink(missing_ok=True)
    write_whole(files.measurements, run_file)
    write_whole(files.envelope, record_file)
    write_whole(files.report, page)
    write_whole(files.deploy, template.encode())
    return envelope


def _checkpoint_name(files: Folder, checkpoint: Path | None, envelope: Envelope) -> str:
    """Path of the checkpoint from the folder around `files`; as the old template has it if kept."""
    if checkpoint is not None:
        around = files.path.absolute().parent
        return Path(os.path.relpath(checkpoint.absolute(), around)).as_posix()
    if files.deploy.exists():
        old = parse_deploy(files.deploy.read_bytes(), str(files.deploy)).file.model_state
        if old is not None and old.checkpoint is not None:
            return old.checkpoint
    return envelope.model_state.files[0].path
