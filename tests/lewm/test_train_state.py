"""Killed and gone on with: a run ends as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lewm.data.windows import MemorySource
from lewm.errors import LewmError
from lewm.training.train import TrainResult, train
from lewm.training.train_state import StateFile
from lewm.training.updates import Updater
from tests.cli.commands import lewm
from tests.lewm.dots import record
from tests.lewm.test_train import CONFIG, MODEL

ROOT = Path(__file__).parents[2]
DROPPING = replace(MODEL, dropout=0.1)


class StoppedError(Exception):
    pass


def run(
    path: Path, *, resume: bool = False, stop_after: int | None = None, **changes
) -> TrainResult:
    """40 updates, a state every 7; with dropout, so that its generator matters."""

    def progress(entry) -> None:
        if entry.update == stop_after:
            raise StoppedError

    return train(
        DROPPING,
        replace(CONFIG, **changes),
        MemorySource(record(seed=changes.get("seed", 0))),
        progress=progress,
        state=StateFile(path, 7, resume),
    )


def assert_same(first: TrainResult, second: TrainResult) -> None:
    ours, theirs = first.model.state_dict(), second.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert first.record == second.record


@pytest.mark.parametrize("stop_after", [10, 30])
def test_a_stopped_run_goes_on_to_the_same_tensors_and_record(tmp_path, stop_after):
    path = tmp_path / "ckpt.pt.state"
    with pytest.raises(StoppedError):
        run(path, stop_after=stop_after)

    resumed = run(path, resume=True)

    assert_same(resumed, run(tmp_path / "other.state"))


def test_a_finished_run_goes_on_to_its_calibration(tmp_path):
    path = tmp_path / "ckpt.pt.state"
    assert_same(run(path, resume=True), run(path, resume=True))


def test_the_state_of_another_run_is_refused_with_both_values(tmp_path):
    path = tmp_path / "ckpt.pt.state"
    run(path)
    with pytest.raises(LewmError, match=r"train learning_rate is 0\.001 there, 0\.002 here"):
        run(path, resume=True, learning_rate=2e-3)
    with pytest.raises(LewmError, match=r"data digest is \w{64} there, \w{64} here"):
        run(path, resume=True, seed=1)


def test_a_state_is_not_overwritten_unasked(tmp_path):
    path = tmp_path / "ckpt.pt.state"
    run(path)
    before = path.read_bytes()
    with pytest.raises(LewmError, match="stopped after update 40"):
        run(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("keep", [0, 100, 5000])
def test_a_truncated_state_is_refused(tmp_path, keep):
    path = tmp_path / "ckpt.pt.state"
    run(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(LewmError, match="truncated"):
        run(path, resume=True)


def test_a_checkpoint_is_not_a_state(tmp_path):
    path = tmp_path / "ckpt.pt.state"
    torch.save({"tensors": {"a": torch.zeros(1)}, "json": "{}"}, path)
    with pytest.raises(LewmError, match="not a training state"):
        run(path, resume=True)


def test_a_run_killed_by_the_system_ends_in_the_same_file(tmp_path, one_thread):
    data = tmp_path / "data.h5"
    collected = lewm(
        "collect", "--size-px", "16", "--episodes", "4", "--length", "24", "--out", data
    )
    assert collected.status == 0, collected

    def training(out: str) -> tuple[str | Path, ...]:
        return (
            *("train", "--preset", "tiny", "--data", data, "--kernels", "torch"),
            *("--updates", "150", "--batch-size", "8", "--save-every", "10"),
            *("--out", tmp_path / out),
        )

    killed = subprocess.Popen(
        [sys.executable, "-m", "lewm.cli", *map(str, training("killed.pt"))],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )
    state = tmp_path / "killed.pt.state"
    patience = time.monotonic() + 120
    while not state.exists() and time.monotonic() < patience:
        time.sleep(0.002)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait(timeout=60) == -signal.SIGKILL
    assert not (tmp_path / "killed.pt").exists()
    for words in ((*training("killed.pt"), "--resume"), training("whole.pt")):
        done = lewm(*words)
        assert done.status == 0, done

    assert (tmp_path / "killed.pt").read_bytes() == (tmp_path / "whole.pt").read_bytes()
    assert not list(tmp_path.glob("*.state*"))


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As many as the process that is killed."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_state_gone_wrong_does_not_replace_the_last_good_one(tmp_path, monkeypatch):
    path = tmp_path / "ckpt.pt.state"
    with pytest.raises(StoppedError):
        run(path, stop_after=20, log_every_updates=20)
    good = path.read_bytes()
    monkeypatch.setattr("lewm.training.updates.Updater.__call__", spoiled(Updater.__call__))

    with pytest.raises(LewmError, match="not a finite number after update 21"):
        run(path, resume=True, log_every_updates=20)

    assert path.read_bytes() == good


def spoiled(update):
    def call(self, *args, **kwargs):
        outcome = update(self, *args, **kwargs)
        if kwargs["update"] >= 20:
            with torch.no_grad():
                next(self.model.parameters()).fill_(float("nan"))
        return outcome

    return call


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda tensors, data: tensors.pop("dropout/0"), "dropout/0"),
        (lambda tensors, data: data.update(update=-3), "-3 updates of 40"),
        (lambda tensors, data: data.update(versions=[]), "index"),
        (
            lambda tensors, data: tensors.update({"optimizer/0/exp_avg": torch.zeros(1, 1, 2)}),
            "exp_avg of parameter 0 has shape",
        ),
    ],
    ids=["without_dropout", "negative", "without_versions", "other_shape"],
)
def test_a_damaged_state_gets_one_message(tmp_path, damage, said):
    path = tmp_path / "ckpt.pt.state"
    with pytest.raises(StoppedError):
        run(path, stop_after=10)
    stored = torch.load(path, weights_only=True)
    data = json.loads(stored["json"])
    damage(stored["tensors"], data)
    torch.save({"tensors": stored["tensors"], "json": json.dumps(data)}, path)

    with pytest.raises(LewmError, match=said):
        run(path, resume=True)
