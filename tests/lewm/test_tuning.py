"""Training on from a checkpoint: what is tuned moves, what is frozen does not by one bit."""

from dataclasses import replace

import pytest
import torch

from lewm.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lewm.data.windows import MemorySource
from lewm.errors import LewmError
from lewm.planning.plan_config import PlanConfig
from lewm.training.train import train
from lewm.training.tuning import Start
from tests.lewm.dots import SIZE, awake_model, record
from tests.lewm.test_train import CONFIG

WORLD = {"world": "dots", "size_px": SIZE, "factors": {}}
EYE = ("encoder.", "projector.")
SHORT = replace(CONFIG, num_updates=6, log_every_updates=3)


@pytest.fixture
def base(tmp_path) -> Checkpoint:
    model = awake_model()
    made = Checkpoint(
        config=model.config,
        tensors=model.tensors(),
        action_stats=model.action_stats,
        world=WORLD,
        plan_config=PlanConfig(),
        training={"updates": 0},
    )
    save_checkpoint(tmp_path / "base.pt", made)
    return load_checkpoint(tmp_path / "base.pt")


def tuned(base: Checkpoint, unfreeze: str, **changes) -> Checkpoint:
    start = Start(base, unfreeze)
    result = train(base.config, SHORT, MemorySource(record(seed=5)), start=start, **changes)
    return start.tuned(dict(result.model.state_dict()), result.record, WORLD)


def moved(base: Checkpoint, candidate: Checkpoint) -> set[str]:
    return {
        name
        for name, tensor in base.tensors.items()
        if not torch.equal(tensor, candidate.tensors[name])
    }


@pytest.mark.parametrize("unfreeze", ["encoder", "predictor"])
def test_a_frozen_part_keeps_every_weight_and_every_statistic(base, unfreeze):
    before = {name: tensor.clone() for name, tensor in base.tensors.items()}

    found = moved(base, tuned(base, unfreeze))

    assert found
    assert {name.startswith(EYE) for name in found} == {unfreeze == "encoder"}
    assert any("running_var" in name for name in found)
    assert all(torch.equal(before[name], tensor) for name, tensor in base.tensors.items())


def test_all_tunes_both_parts(base):
    assert {name.startswith(EYE) for name in moved(base, tuned(base, "all"))} == {True, False}


def test_the_candidate_says_what_was_done_to_it_and_keeps_how_it_was_trained(base, tmp_path):
    first = tuned(base, "encoder")
    save_checkpoint(tmp_path / "first.pt", first)
    candidate = tuned(load_checkpoint(tmp_path / "first.pt"), "predictor")
    save_checkpoint(tmp_path / "second.pt", candidate)

    read = load_checkpoint(tmp_path / "second.pt")

    digest = MemorySource(record(seed=5)).digest()
    assert [step["unfreeze"] for step in read.tuning] == ["encoder", "predictor"]
    assert read.tuning[0]["from"] == base.sha256
    assert read.tuning[1]["from"] == load_checkpoint(tmp_path / "first.pt").sha256
    assert read.tuning[1]["data"]["digest"] == digest
    assert read.tuning[1]["name"] == f"predictor: 6 updates at 0.001 on data {digest[:12]}"
    assert read.training == base.training
    assert read.action_stats == base.action_stats


def test_the_same_seed_makes_the_same_candidate(base):
    one, again = tuned(base, "all"), tuned(base, "all")

    assert all(torch.equal(one.tensors[name], again.tensors[name]) for name in one.tensors)


@pytest.mark.parametrize(
    ("scope", "width", "message"),
    [
        ({**WORLD, "world": "maze"}, 2, "world of the episodes is maze, that of the model dots"),
        ({**WORLD, "size_px": 99}, 2, "frame size in px of the episodes is 99"),
        (WORLD, 3, "action width of the episodes is 3, that of the model 2"),
    ],
)
def test_episodes_of_another_world_are_refused(base, scope, width, message):
    with pytest.raises(LewmError, match=message):
        Start(base).require_fit(scope, width)


def test_other_factors_of_the_same_world_are_no_obstacle(base):
    Start(base).require_fit({**WORLD, "factors": {"background.color": [0, 0, 0]}}, 2)
