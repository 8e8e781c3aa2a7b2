"""A prefix model through every `lewm` command."""

from pathlib import Path

import pytest

from lewm.checkpoints.checkpoint import load_checkpoint
from tests.cli.commands import lewm

PLAN = ("plan", "--model", "fast.pt", "--start", "40,40", "--goal", "60,60")


@pytest.fixture
def model(tmp_path, monkeypatch) -> None:
    """`fast.pt`, trained for a moment, in the folder that the test runs in."""
    monkeypatch.chdir(tmp_path)
    collect = ("collect", "--size-px", "16", "--episodes", "4", "--length", "30")
    assert lewm(*collect, "--out", "data.h5").status == 0
    train = ("train", "--preset", "fast-tiny", "--updates", "5", "--batch-size", "8")
    trained = lewm(*train, "--data", "data.h5", "--out", "fast.pt")
    assert trained.status == 0, trained


def test_a_prefix_model_trains_evaluates_and_plans(model):
    assert load_checkpoint(Path("fast.pt")).config.predictor == "prefix"
    evaluated = lewm("eval", "--model", "fast.pt", "--num-cases", "2", "--json")
    assert evaluated.status == 0, evaluated
    assert evaluated.json["arms"][0]["num_cases"] == 2
    planned = lewm(*PLAN, "--json")
    steady = lewm(*PLAN, "--json", "--cost", "terminal_latent_sse_consistency/1")
    assert planned.status == steady.status == 0, (planned, steady)
    assert planned.json != steady.json


def test_a_prefix_model_has_no_official_form(model):
    lewm("export", "fast.pt", "--out", "official").refused(2, "prefix")
    assert not Path("official").exists()
