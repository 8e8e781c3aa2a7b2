"""`envelope draft` and `envelope report`: a step again, without running a model."""

import shutil
from pathlib import Path

from envelope.cli.files import Folder
from tests.cli.commands import envelope, python
from tests.cli.making import loose_criteria, rewrite


def contents(folder: Folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.path.iterdir() if path.is_file()}


def test_drafting_again_gives_the_same_files_and_takes_the_signature_away(measured):
    before = contents(measured)

    done = envelope("draft", measured.path)

    assert done.status == 0
    assert "removed the old ckpt.envelope/attestation.json" in done.out
    before.pop("attestation.json")
    assert contents(measured) == before
    assert "removed" not in envelope("draft", measured.path).out


def test_another_criterion_makes_other_claims_without_a_model(measured):
    Path("ckpt.pt").unlink()
    loose_criteria(Path("stricter.yaml"), max_drift_ratio="0.0001")
    assert envelope("draft", measured.path, "--criteria", "stricter.yaml").status == 0

    claims = {claim.id: claim.verdict for claim in measured.read_envelope().claims}
    assert claims["drift.usable_horizon"] == "fails"
    assert claims["nuisance.light.gain"] == "holds"
    assert "drift.usable_horizon" not in measured.deploy.read_text()
    assert "checkpoint: ckpt.pt" in measured.deploy.read_text()
    assert not measured.attestation.exists()

    assert envelope("report", measured.path).status == 0
    assert envelope("sign", measured.path, "--sign-key", "lab.key").status == 0
    signed = envelope("verify", measured.attestation, "--key", "lab.pub", "--recompute")
    assert signed.status == 0


def test_drafting_imports_no_torch(measured):
    code = (
        "import sys; from envelope.cli import main\n"
        "sys.argv = ['envelope', 'draft', sys.argv[1]]\n"
        "try: main()\n"
        "except SystemExit as ended: assert not ended.code\n"
        "assert 'torch' not in sys.modules"
    )
    done = python(code, measured.path)
    assert done.status == 0, done


def test_a_draft_keeps_where_the_checkpoint_lies(measured):
    Path("models").mkdir()
    rewrite(measured.deploy, "checkpoint: ckpt.pt", "checkpoint: models/ckpt.pt")

    assert envelope("draft", measured.path).status == 0
    assert "checkpoint: models/ckpt.pt" in measured.deploy.read_text()


def test_a_draft_that_is_refused_leaves_everything_as_it_was(measured):
    loose_criteria(Path("bad.yaml"), max_drift_ratio=".nan")
    measured.deploy.write_text("horizont: 5\n")
    before = contents(measured)

    envelope("draft", measured.path, "--criteria", "bad.yaml").refused(2, ".nan is not a number")
    envelope("draft", measured.path).refused(2, "deploy.yaml:1:1: horizont: unknown")
    assert contents(measured) == before


def test_a_report_is_the_same_bytes_again_here_and_elsewhere(measured):
    page = measured.report.read_bytes()

    assert envelope("report", measured.path).status == 0
    assert envelope("report", measured.path, "--out", "elsewhere/audit.html").status == 0

    assert measured.report.read_bytes() == page == Path("elsewhere/audit.html").read_bytes()
    assert envelope("verify", measured.attestation, "--key", "lab.pub").status == 0


def test_what_is_missing_is_named(measured):
    envelope("draft", "nowhere").refused(2, "nowhere/measurements.json cannot be read")
    envelope("report", "nowhere").refused(2, "nowhere/measurements.json cannot be read")
    envelope("sign", "nowhere", "--sign-key", "lab.key").refused(2, "nowhere/envelope.json")
    envelope("report", measured.path, "--out", measured.path).refused(2, "cannot be written")

    measured.envelope.unlink()
    envelope("report", measured.path).refused(2, "ckpt.envelope/envelope.json cannot be read")
    assert list(measured.path.glob(".*.html.*")) == []


def test_truncated_measurements_are_no_measurements(measured):
    whole = measured.measurements.read_bytes()
    measured.measurements.write_bytes(whole[: len(whole) // 2])

    for command in ("draft", "report"):
        envelope(command, measured.path).refused(2, "measurements.json")


def test_a_folder_works_wherever_it_is_moved(measured):
    shutil.copytree(".", "moved/here")

    moved = Folder(Path("moved/here/ckpt.envelope"))
    done = envelope("check", "--deploy", moved.deploy, "--key", "lab.pub")
    assert done.status == 0, done
