"""`lewm train` and `lewm sweep` from the command line."""

import json
from pathlib import Path

import pytest
import torch

from lewm.training.train_state import StateFile, TrainState
from tests.cli.commands import lewm

TRAIN = ("train", "--preset", "tiny", "--updates", "6", "--batch-size", "4", "--kernels", "torch")


@pytest.fixture
def data(tmp_path, monkeypatch) -> str:
    """A few episodes in the folder that the test runs in."""
    monkeypatch.chdir(tmp_path)
    collect = ("collect", "--size-px", "16", "--episodes", "6", "--length", "24")
    assert lewm(*collect, "--out", "data.h5").status == 0
    return "data.h5"


def test_options_reach_the_record(data):
    words = ("--regularizer", "pldm", "--precision", "bf16")
    done = lewm(*TRAIN, *words, "--data", data, "--out", "ckpt.safetensors")

    assert done.status == 0, done
    content = Path("ckpt.safetensors").read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    training = json.loads(header["__metadata__"]["json"])["training"]
    assert training["train"]["regularizer"] == "pldm"
    assert training["train"]["precision"] == "bf16"
    assert training["versions"]["kernels"] == "torch"


def test_alarms_are_told_once_and_summed_up(data):
    done = lewm(*TRAIN, "--regularizer", "none", "--data", data, "--out", "ckpt.pt")

    assert done.out.count("ALARM from update") >= 1
    for line in done.out.splitlines():
        if line.startswith("  ALARM"):
            assert done.out.count(line) == 1
    assert "alarm: a latent dimension has variance below 0.05, in " in done.out


def test_a_state_in_the_way_names_resume(data):
    state = TrainState({}, [], 3, {}, [], 0.0, {"a": torch.zeros(1)})
    StateFile(Path("ckpt.pt.state")).save(state)

    done = lewm(*TRAIN, "--data", data, "--out", "ckpt.pt")

    assert done.status == 2
    assert "ckpt.pt.state holds a run that stopped after update 3" in done.err
    assert "--resume" in done.err
    assert not Path("ckpt.pt").exists()


def test_curves_are_written_when_asked_for(data):
    pytest.importorskip("tensorboardX")
    done = lewm(*TRAIN, "--tensorboard", "curves", "--data", data, "--out", "ckpt.pt")
    assert done.status == 0, done
    assert len(list(Path("curves").iterdir())) == 1


def test_a_device_that_is_not_there_is_refused(data):
    done = lewm(*TRAIN, "--device", "abacus", "--data", data, "--out", "ckpt.pt")
    assert done.status == 2
    assert "--device is abacus" in done.err


def test_a_world_that_contradicts_the_data_is_refused(data):
    done = lewm(*TRAIN, "--world", "swm/pusht", "--data", data, "--out", "ckpt.pt")
    assert done.status == 2
    assert "collected in two-room, --world says swm/pusht" in done.err


def test_a_sweep_prints_one_row_for_each_run_and_goes_on_where_it_was(data):
    words = ("sweep", "--preset", "tiny", "--updates", "4", "--batch-size", "4", "--data", data)
    words += ("--weights", "0.01,0.1", "--seeds", "0,1", "--num-cases", "2", "--out", "swept")

    told = lewm(*words)
    again = lewm(*words, "--json")

    assert told.status == 0, told
    assert len(told.out.splitlines()) == 5
    assert [(row["weight"], row["seed"]) for row in again.json] == [
        *((0.01, 0), (0.01, 1), (0.1, 0), (0.1, 1))
    ]
    assert all(0 <= row["success"] <= 1 for row in again.json)


@pytest.mark.parametrize("words", [("--weights", "0.1,x"), ("--seeds", "-1"), ("--weights", "nan")])
def test_a_sweep_over_something_else_than_numbers_is_refused(data, words):
    done = lewm("sweep", "--data", data, "--out", "swept", *words)
    assert done.status == 2
    assert not Path("swept").exists()
