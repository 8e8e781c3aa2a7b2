"""Every released record format keeps one signed example, and it checks out for ever."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from envelope.attestation import Subject, make, open_verified
from envelope.check import check_deployment
from envelope.deploy import parse_deploy
from envelope.errors import AttestationMalformed
from envelope.records import Envelope
from envelope.same_model import ModelIdentity
from envelope.trust import Policy
from envelope.trust_lookup import find_trust
from tests.envelope.signers import AUDITOR
from tests.golden.make import PRESENT, made

FOLDERS = sorted(Path(__file__).parents[1].glob("golden/*.envelope"))


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def folder(request) -> Path:
    return request.param


def opened(folder: Path) -> Envelope:
    data = (folder / "attestation.json").read_bytes()
    trust = find_trust(key=folder / "lab.pub")
    return trust.open(data, now=datetime(2026, 12, 1, tzinfo=UTC)).record(Envelope)


def test_a_golden_attestation_is_genuine_and_its_deployment_inside(folder):
    envelope = opened(folder)
    deployment = parse_deploy((folder / "deploy.yaml").read_bytes(), "deploy.yaml")
    files = {file.path: file.sha256 for file in envelope.model_state.files}
    model = ModelIdentity("golden", files)
    now = datetime(2026, 12, 1, tzinfo=UTC)

    verdict = check_deployment(envelope, deployment, now=now, model=model, policy=Policy())

    assert verdict.exit_status == 0
    other = replace(deployment, file=deployment.file.model_copy(update={"planner_scope": None}))
    assert check_deployment(envelope, other, now=now, model=model, policy=Policy()).exit_status == 1


def test_a_record_that_carries_its_evidence_is_of_another_format(folder):
    record = opened(folder).model_dump(mode="json")
    signed = make({**record, "evidence": []}, [Subject("c", {"sha256": "0" * 64})], AUDITOR)

    with pytest.raises(AttestationMalformed, match="evidence: unknown field"):
        open_verified(signed, [AUDITOR.public]).record(Envelope)


def test_what_follows_from_the_golden_measurements_is_what_lies_there():
    assert {path: path.read_bytes() for path in made()} == made()


def test_the_golden_measurements_are_a_real_run():
    measurements = PRESENT.read_measurements()

    assert measurements.plan.profile == "quick"
    assert not [cell for cell in measurements.cells if cell.status == "crashed"]
