"""`lewm train --from`: a candidate out of the bundled model, and what is refused."""

import pytest

from envelope.cli.identity import identify
from lewm.adapter import load_model
from lewm.checkpoints.checkpoint import load_checkpoint
from lewm.collection.collect_to_file import collect_to_file
from lewm.collection.policies import NoisyExpert
from lewm.pretrained import bundled
from lewm.pretrained.recipe import world
from lewm.worlds.two_room import TwoRoom
from tests.cli.commands import lewm

BASE = bundled("two_room")
SHORT = ("--updates", "2", "--batch-size", "4", "--kernels", "torch")


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Four short episodes of the bundled model's world."""
    monkeypatch.chdir(tmp_path)
    collect_to_file(
        tmp_path / "tune.h5",
        world(),
        NoisyExpert(),
        num_episodes=4,
        length_env_steps=30,
        seed=5,
    )
    return tmp_path / "tune.h5"


def tune(data, *words):
    return lewm("train", "--from", BASE, "--data", data, "--out", "tuned.pt", *SHORT, *words)


def test_a_candidate_carries_its_tuning_step_into_the_record(data, tmp_path):
    done = tune(data, "--unfreeze", "encoder")

    assert done.status == 0, done
    base, made = load_checkpoint(BASE), load_checkpoint(tmp_path / "tuned.pt")
    (step,) = made.tuning
    assert step["train"]["learning_rate"] == 1e-4
    assert step["train"]["sigreg_weight"] == step["train"]["final_sigreg_weight"] == 0.0005
    assert (step["from"], step["unfreeze"]) == (base.sha256, "encoder")
    assert (made.training, made.world) == (base.training, base.world)
    state = identify(load_model(tmp_path / "tuned.pt"))
    assert state.tuning == [f"encoder: 2 updates at 0.0001 on data {step['data']['digest'][:12]}"]
    assert state.groups["predictor"] == identify(load_model(BASE)).groups["predictor"]
    assert state.groups["encoder"] != identify(load_model(BASE)).groups["encoder"]


def test_what_is_given_on_the_command_line_counts(data, tmp_path):
    assert tune(data, "--learning-rate", "0.01", "--sigreg-weight", "0.02").status == 0

    train = load_checkpoint(tmp_path / "tuned.pt").tuning[0]["train"]
    assert (train["learning_rate"], train["sigreg_weight"]) == (0.01, 0.02)


def test_choices_that_contradict_each_other_are_refused(data, tmp_path):
    tune(data, "--preset", "tiny").refused(2, "--preset and --from", "both say which model")
    words = ("train", "--data", data, "--out", "tuned.pt", "--unfreeze", "encoder")
    lewm(*words).refused(2, "--unfreeze is encoder, and no --from says which model it is about")
    words = ("train", "--from", "gone.pt", "--data", data, "--out", "tuned.pt")
    lewm(*words).refused(2, "gone.pt")
    assert not (tmp_path / "tuned.pt").exists()


def test_episodes_of_another_frame_size_are_refused(data, tmp_path):
    collect_to_file(
        tmp_path / "small.h5",
        TwoRoom(size_px=32),
        NoisyExpert(),
        num_episodes=2,
        length_env_steps=30,
        seed=5,
    )

    tune(tmp_path / "small.h5").refused(
        2, "the frame size in px of the episodes is 32, that of the model 64"
    )
