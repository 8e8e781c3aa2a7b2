"""Sign the golden example of the present record format again: `python -m tests.golden.make`.

`measurements.json` is a real run on the bundled model (`envelope measure --profile quick --criteria
tests/golden/criteria.yaml`: the default criteria with fewer classes, so that the file stays small,
and `valid_days: 36500`, so that the example does not expire). Its rows, and what they rest on, are
kept; summaries, record, deploy template and attestation are made from them. The page is left out:
its wording is no part of the format. Where the suites ask for other rows, that command measures
again, and `python -m tests.golden.make FOLDER.envelope` takes its rows over. Examples of released
formats are never made again.
"""

import sys
from pathlib import Path

from envelope.cli.files import Folder, file_bytes
from envelope.cli.sign import attest
from envelope.deploy_template import deploy_template
from envelope.draft import draft
from envelope.records import Measurements
from tests.envelope.signers import AUDITOR

PRESENT = Folder(Path(__file__).parent / "v0.1.envelope")
CHECKPOINT = "../../lewm/pretrained/two_room.pt"
"""The bundled model, from the folder around the example."""


def made() -> dict[Path, bytes]:
    """The files that follow from the measurements, by path."""
    measurements = PRESENT.read_measurements()
    envelope = draft(measurements)
    beside = {PRESENT.measurements.name: PRESENT.measurements.read_bytes()}
    attestation = f"{PRESENT.path.name}/{PRESENT.attestation.name}"
    template = deploy_template(envelope, attestation, CHECKPOINT)
    return {
        PRESENT.attestation: attest(envelope, beside, AUDITOR),
        PRESENT.deploy: template.encode(),
        PRESENT.path / "lab.pub": AUDITOR.public.pem,
    }


def summarised(measurements: Measurements) -> Measurements:
    """The same rows with thresholds and summaries as the suites make them now."""
    from perturbations import audit

    plan = measurements.plan
    monitors, _ = audit.monitors_from(measurements.cells, plan.criteria)
    summaries = audit.summarise(measurements.cells, monitors, plan)
    return measurements.model_copy(update={"monitors": monitors, "summaries": summaries})


def main(words: list[str]) -> None:
    """Write the example again."""
    taken_from = Folder(Path(words[0])) if words else PRESENT
    again = summarised(taken_from.read_measurements())
    PRESENT.measurements.write_bytes(file_bytes(again))
    for path, content in made().items():
        path.write_bytes(content)
        print(path.name)


if __name__ == "__main__":
    main(sys.argv[1:])
