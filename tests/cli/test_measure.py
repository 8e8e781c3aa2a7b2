"""`envelope measure`: what it leaves, and what it refuses before it takes any time."""

import json
import os
import platform
import socket
from pathlib import Path

import pytest
import torch
import yaml

from envelope.cli.files import Folder
from tests.cli.commands import envelope, run
from tests.cli.making import awake_checkpoint, loose_criteria, rewrite

QUICK = ("--profile", "quick", "--criteria", "loose.yaml")


def measure(*words: str | Path):
    return envelope("measure", "--model", "ckpt.pt", *QUICK, *words)


@pytest.fixture
def checkpoint(keys):
    """A folder with keys, criteria and a checkpoint that nobody measured yet."""
    awake_checkpoint(keys / "ckpt.pt")
    loose_criteria(keys / "loose.yaml")
    return keys


# --- what it leaves ---------------------------------------------------------------------------


def test_five_files_and_the_finished_cells_are_left(measured):
    names = {path.name for path in measured.path.iterdir()}

    assert names == {
        "measurements.json",
        "envelope.json",
        "report.html",
        "attestation.json",
        "deploy.yaml",
        ".cells",
    }


def test_no_file_says_where_or_by_whom_it_was_measured(measured, measured_once):
    places = {str(measured_once), str(Path(__file__).parents[2]), os.environ["HOME"], "/tmp/"}
    places |= {str(Path.home()), "/root", "/home/", os.path.realpath(os.getcwd())}
    hosts = {name for name in (socket.gethostname(), platform.node()) if len(name) > 3}
    user = os.environ.get("USER", "")
    words = places | hosts | ({user} if len(user) > 4 else set())
    shallow = [path for path in measured.path.iterdir() if path.is_file()]
    assert len(shallow) == 5

    for path in [*shallow, *measured.cells.iterdir()]:
        text = path.read_text(encoding="utf-8")
        assert not [word for word in words if word in text], path.name


def test_measuring_again_reuses_every_cell_and_needs_no_special_terminal(measured):
    before = measured.read_measurements()

    done = run(
        "envelope", "measure", "--model", "ckpt.pt", *QUICK, env={"PYTHONIOENCODING": "ascii"}
    )

    assert done.status == 0, done
    assert "not signed; sign with: envelope sign ckpt.envelope" in done.out
    after = measured.read_measurements()
    assert after.timing.reused_cells >= len(before.cells)
    assert after.timing.run_cells == 0
    assert after.model_copy(update={"timing": before.timing}) == before
    assert not measured.attestation.exists()


def test_json_tells_the_claims(measured):
    done = measure("--json")

    assert done.status == done.json["exit_status"] == 0
    told = {claim.id: claim.verdict for claim in measured.read_envelope().claims}
    assert done.json["claims"] == told
    assert done.json["crashed_cells"] == 0
    assert done.json["signed"] is False


def test_only_the_chosen_suites_are_measured_and_the_rest_stays_unknown(checkpoint):
    done = measure("--suite", "horizon_drift", "--out", "elsewhere", "--seed", "3")

    assert done.status == 0, done
    envelope_record = Folder(Path("elsewhere")).read_envelope()
    claims = {claim.id: claim.verdict for claim in envelope_record.claims}
    assert claims["drift.usable_horizon"] == "holds"
    assert claims["planning.success"] == "unknown"
    assert envelope_record.seed == 3
    assert not Path("ckpt.envelope").exists()


OF_LATENTS_ALONE = {
    "cost.tokens_per_frame",
    "representation.steady",
    "representation.effective_rank",
    "representation.distance_rank",
}
"""What an encoder is judged by, whatever becomes of the predictor."""


def test_a_crash_is_no_finding(checkpoint):
    from tests.lewm.dots import awake_model

    tensors = awake_model().tensors()
    tensors["pred_proj.net.0.bias"] = torch.full_like(tensors["pred_proj.net.0.bias"], torch.nan)
    awake_checkpoint(Path("ckpt.pt"), tensors=tensors)

    done = measure("--json")

    assert done.status == done.json["exit_status"] == 2
    assert done.json["crashed_cells"] > 0
    rest_on_predictions = {
        verdict for claim, verdict in done.json["claims"].items() if claim not in OF_LATENTS_ALONE
    }
    assert rest_on_predictions == {"unknown"}
    assert "cells crashed; their claims are unknown" in done.err
    assert "Traceback" not in done.err
    record = Folder(Path("ckpt.envelope"))
    relied_on = yaml.safe_load(record.deploy.read_text())["relies_on"]
    assert set(relied_on) <= OF_LATENTS_ALONE


def test_a_crash_says_nothing_of_the_machine_in_any_file(checkpoint, monkeypatch):
    def lost(*_: object, **__: object) -> None:
        raise OSError("cannot open /home/alice/secret/weights.bin on C:\\Users\\alice\\x.bin")

    monkeypatch.setattr("lewm.planning.planner.Planner.plan", lost)

    done = measure("--suite", "planning")

    assert done.status == 2
    assert "weights.bin" in done.err
    for path in Path("ckpt.envelope").iterdir():
        assert path.is_dir() or "alice" not in path.read_text(encoding="utf-8"), path.name


# --- what it refuses before it takes any time -------------------------------------------------


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--sign-key", "lab.pub"], ["lab.pub is not a private key"]),
        (["--sign-key", "nowhere.key"], ["cannot read key nowhere.key"]),
        (["--sign-key", "lab.key", "--passphrase-env", "NO_SUCH"], ["NO_SUCH is not set"]),
        (["--criteria", "nowhere.yaml"], ["cannot read criteria nowhere.yaml"]),
        (["--deploy", "nowhere.yaml"], ["nowhere.yaml cannot be read"]),
        (["--seed", "-1"], ["--seed is -1, its range is 0 to 2147483647"]),
        (["--seed", "2147483648"], ["--seed is 2147483648"]),
        (["--device", "banana"], ["--device is 'banana', expected cpu, cuda or cuda:NUMBER"]),
        (["--device", "meta"], ["--device is 'meta'"]),
        (["--device", "cuda:99"], ["--device cuda:99 was asked for, and torch finds"]),
        (["--world", "three-room"], ["there is no world 'three-room'; there are two-room"]),
        (["--adapter", "os.system"], ["there is no adapter 'os.system'; there are lewm"]),
        (["--out", "ckpt.pt"], ["cannot be written: Not a directory"]),
        (["--out", "ckpt.pt/deeper"], ["cannot be written: Not a directory"]),
        (["--model", "nowhere.pt"], ["nowhere.pt cannot be read: No such file"]),
        (["--model", "."], ["a folder without config.json"]),
    ],
)
def test_a_wrong_word_is_refused_before_anything_is_measured(checkpoint, words, parts):
    before = sorted(checkpoint.rglob("*"))

    measure(*words).refused(2, *parts)
    assert sorted(checkpoint.rglob("*")) == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_refused(checkpoint):
    measure("--device", "cuda").refused(2, "torch finds 0 CUDA devices", "--device cpu")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--profile", "endless"], "--profile"),
        (["--suite", "voodoo"], "--suite"),
        (["--threads", "0"], "--threads"),
        (["--seed", "half"], "--seed"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_a_word_that_no_command_knows_is_a_usage_error(checkpoint, words, part):
    done = measure(*words)

    assert done.status == 2
    assert part in done.err
    assert "--help" in done.err
    as_json = measure(*words, "--json")
    assert as_json.json["reason"] == "usage"
    assert as_json.json["exit_status"] == 2


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (("  horizon: 5", "  horizon: 0"), "nothing can plan as the deploy file declares"),
        (("  algorithm: cem", "  algorithm: magic"), "unknown planner 'magic'"),
        (("  history: 3", "  history: 7"), "declares history 7"),
        (("  block_size: 5", "  block_size: 7"), "the planner's block has 7 env steps"),
        (("  horizon: 5", "  horizont: 5"), "horizont: unknown"),
    ],
)
def test_a_planner_that_cannot_be_is_refused(measured, change, part):
    deploy = rewrite(measured.deploy, *change, to=Path("new.yaml"))
    before = json.loads(measured.measurements.read_bytes())

    measure("--deploy", deploy).refused(2, part)
    assert json.loads(measured.measurements.read_bytes()) == before


def test_what_measuring_cannot_bring_inside_is_said(measured):
    deploy = rewrite(measured.deploy, "batchnorm: eval", "batchnorm: train", to=Path("new.yaml"))

    done = measure("--deploy", deploy)

    assert f"{deploy} is still outside by planner_scope.conventions.batchnorm" in done.out
