"""Sign the golden example of the present record format again: `python -m tests.golden.make`.

`measurements.json` is a real run (`envelope measure --profile quick` on the bundled model) and is
kept; record, deploy template and attestation are made from it. The page is left out: its wording is
no part of the format. Examples of released formats are never made again.
"""

from pathlib import Path

from envelope.cli.files import Folder
from envelope.cli.sign import attest
from envelope.deploy_template import deploy_template
from envelope.draft import draft
from tests.envelope.signers import AUDITOR

PRESENT = Folder(Path(__file__).parent / "v0.1.envelope")


def made() -> dict[Path, bytes]:
    """The files that follow from the measurements, by path."""
    measurements = PRESENT.read_measurements()
    envelope = draft(measurements)
    beside = {PRESENT.measurements.name: PRESENT.measurements.read_bytes()}
    attestation = f"{PRESENT.path.name}/{PRESENT.attestation.name}"
    template = deploy_template(envelope, attestation, envelope.model_state.files[0].path)
    return {
        PRESENT.attestation: attest(envelope, beside, AUDITOR),
        PRESENT.deploy: template.encode(),
        PRESENT.path / "lab.pub": AUDITOR.public.pem,
    }


if __name__ == "__main__":
    for path, content in made().items():
        path.write_bytes(content)
        print(path.name)
