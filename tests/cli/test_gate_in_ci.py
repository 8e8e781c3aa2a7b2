"""The workflow of docs/gate.md, its script run by bash as CI runs it, in processes of its own."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from envelope.cli.files import Folder
from envelope.gate import Gate
from lewm.pretrained import bundled
from tests.cli.commands import ROOT, envelope
from tests.cli.gating import nudged

GOLDEN = ROOT / "tests/golden/v0.1.envelope"


class Job(NamedTuple):
    """How a job ended, and what it left in the checkout."""

    status: int
    out: str
    err: str

    @property
    def decided(self) -> Gate:
        return Gate.model_validate_json(Path("gate/gate.json").read_bytes())


def script() -> str:
    """What the job runs, from the documentation."""
    text = (ROOT / "docs/gate.md").read_text(encoding="utf-8")
    workflow = yaml.safe_load(re.search(r"(?s)```yaml\n(.*?)```", text)[1])
    (step,) = [one for one in workflow["jobs"]["gate"]["steps"] if "GATE_KEY" in one.get("env", "")]
    assert step["shell"] == "bash"  # pipefail: the status of the job is the gate's, not tee's
    return step["run"]


def job(public_key: Path, *words: str) -> Job:
    """Run the job in a checkout that has `models/`, with fewer cases and what else is said."""
    runner = Path("runner")
    runner.mkdir(exist_ok=True)
    small = script().replace("--workers 2", f"--cases 20 --episodes 20 {' '.join(words)}")
    assert small != script()
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", small],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
            "RUNNER_TEMP": str(runner),
            "GITHUB_STEP_SUMMARY": str(runner / "summary.md"),
            "GATE_KEY": Path("gate.key").read_text(),
            "LAB_PUB": public_key.read_text(),
        },
    )
    return Job(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def checkout(measured, tmp_path, monkeypatch) -> Folder:
    """A repository with a base, its signed record, and a candidate that does nearly the same."""
    models = tmp_path / "checkout" / "models"
    shutil.copytree(measured.path, models / "base.envelope")
    shutil.copy("ckpt.pt", models / "base.pt")
    nudged(models / "base.pt", models / "tuned.pt", by=1e-6)
    assert envelope("keygen", tmp_path / "checkout" / "gate").status == 0
    monkeypatch.chdir(tmp_path / "checkout")
    return Folder(Path("models/base.envelope"))


def test_a_good_candidate_is_accepted_and_its_signed_decision_verified(checkout):
    done = job(Path("../lab.pub"), "--margin 0.2")

    assert done.status == 0, done
    assert done.decided.is_fresh
    assert "ACCEPT  tuned.pt in the place of base.pt" in Path("runner/summary.md").read_text()
    assert Path("gate/gate.html").exists()
    words = ("--key", "gate.pub", "--file", "models/tuned.pt", "--json")
    told = envelope("verify", "gate/attestation.json", *words)
    assert (told.status, told.json["decision"]) == (0, "accept")


def test_too_few_cases_are_undecided_and_the_number_that_would_decide_is_told(checkout):
    done = job(Path("../lab.pub"))

    assert done.status == 1, done
    assert {reason.code for reason in done.decided.reasons} == {"undecided"}
    (success,) = [one for one in done.decided.compared if one.kind == "success"]
    assert success.needed is not None
    assert success.needed > 20
    assert f"{success.needed} cases would decide" in done.out


def test_a_candidate_that_forgot_what_actions_do_is_reverted_by_the_first_batch(checkout):
    """On the bundled model, with the golden record: a base that reaches its goals."""
    shutil.copy(bundled("two_room"), "models/base.pt")
    shutil.rmtree("models/base.envelope")
    shutil.copytree(GOLDEN, "models/base.envelope")
    nudged(Path("models/base.pt"), Path("models/tuned.pt"), by=1.0)

    done = job(GOLDEN / "lab.pub", "--cases 80")

    assert done.status == 1, done
    assert [(one.code, one.subject) for one in done.decided.reasons] == [("inferior", "success")]
    assert (done.decided.num_cases_run, done.decided.num_cases) == (20, 80)


def test_a_crash_is_no_decision(checkout):
    nudged(Path("models/base.pt"), Path("models/tuned.pt"), by=float("nan"))

    done = job(Path("../lab.pub"))

    assert done.status == 2, done
    assert "crashed, so nothing was decided" in done.err
    assert not Path("gate/gate.json").exists()


@pytest.mark.parametrize("what", ["record", "measurements", "base"])
def test_a_base_or_a_record_that_was_edited_is_not_trusted(checkout, what):
    if what == "base":  # a weaker one, so that the candidate looks well beside it
        nudged(Path("models/tuned.pt"), Path("models/base.pt"), by=1.0)
    else:
        path = checkout.attestation if what == "record" else checkout.measurements
        changed = bytearray(path.read_bytes())
        changed[changed.index(b"1", len(changed) // 2)] ^= 1
        path.write_bytes(changed)

    done = job(Path("../lab.pub"))

    assert done.status == 3, done
    assert done.err.count("  Next: ") == 1
    assert not Path("gate").exists()
