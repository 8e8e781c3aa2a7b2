import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lewm.build import new_model
from lewm.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lewm.checkpoints.tensor_file import require_safe_torch
from lewm.config import tiny
from lewm.data.windows import ActionStats
from lewm.errors import LewmError
from lewm.planning.plan_config import PlanConfig


def checkpoint() -> Checkpoint:
    return Checkpoint(
        config=tiny(),
        tensors=new_model(tiny(), seed=0).state_dict(),
        action_stats=ActionStats(mean=(0.0, 0.5), std=(1.0, 2.0)),
        world={"world": "dots", "size_px": 16, "factors": {}},
        plan_config=PlanConfig(num_samples=20, elites=4),
        training={"losses": [1.0]},
    )


def rewrite(path: Path, **changes: object) -> None:
    """Save a checkpoint with parts of its two entries replaced."""
    save_checkpoint(path, checkpoint())
    content = torch.load(path, weights_only=True)
    torch.save({**content, **changes}, path)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_checkpoint_comes_back_as_it_was_saved(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    saved = checkpoint()

    digest = save_checkpoint(path, saved)
    loaded = load_checkpoint(path)

    assert loaded.sha256 == digest
    assert replace(loaded, tensors={}, files=()) == replace(saved, tensors={})
    assert loaded.tensors.keys() == saved.tensors.keys()
    assert all(torch.equal(loaded.tensors[name], saved.tensors[name]) for name in saved.tensors)
    assert not loaded.model().training
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_the_same_content_gives_the_same_bytes(tmp_path, suffix):
    first = save_checkpoint(tmp_path / f"first{suffix}", checkpoint())
    again = save_checkpoint(tmp_path / f"again{suffix}", checkpoint())
    assert first == again


def test_pickled_code_is_refused_and_not_run(tmp_path):
    path = tmp_path / "model.pt"
    torch.save(new_model(tiny(), seed=0), path)
    with pytest.raises(LewmError, match="holds pickled code"):
        load_checkpoint(path)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("kept", [0, 7, 1000, -1])
def test_a_truncated_file_is_refused(tmp_path, suffix, kept):
    path = tmp_path / f"model{suffix}"
    save_checkpoint(path, checkpoint())
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(LewmError, match="take the file again"):
        load_checkpoint(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(LewmError, match="No such file"):
        load_checkpoint(tmp_path / "none.pt")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"pred_proj.net.0.bias": None}, "missing pred_proj.net.0.bias"),
        ({"surprise": torch.zeros(1)}, "unexpected surprise"),
        ({"pred_proj.net.0.bias": torch.zeros(3)}, r"\(3,\), its configuration says"),
        ({"pred_proj.net.0.bias": torch.zeros(16).double()}, "torch.float64"),
    ],
)
def test_tensors_that_are_not_those_of_the_configuration_are_refused(tmp_path, change, problem):
    path = tmp_path / "model.pt"
    tensors = {**checkpoint().tensors, **change}
    rewrite(path, tensors={name: t for name, t in tensors.items() if t is not None})
    with pytest.raises(LewmError, match=problem):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"format": "lewm-checkpoint/9"}, "does not carry a lewm-checkpoint/1"),
        ({"tuning": {}}, "tuning of the wrong type"),
        ({"action_stats": {"mean": [0.0], "std": [1.0]}}, "1 action dimensions, its model has 2"),
        ({"action_stats": {"mean": [0.0, 0.0], "std": [1.0, 0.0]}}, "no usable action statistics"),
        ({"planner": {"algorithm": "cem"}}, "PlanConfig has the fields"),
        ({"more": 1}, "does not carry"),
    ],
)
def test_a_description_that_is_not_ours_is_refused(tmp_path, changes, problem):
    path = tmp_path / "model.pt"
    save_checkpoint(path, checkpoint())
    data = json.loads(torch.load(path, weights_only=True)["json"])
    rewrite(path, json=json.dumps({**data, **changes}))
    with pytest.raises(LewmError, match=problem):
        load_checkpoint(path)


@pytest.mark.parametrize(
    "changes", [{"json": "{"}, {"json": 3}, {"tensors": [1]}, {"third": torch.zeros(1)}]
)
def test_a_torch_file_with_another_content_is_refused(tmp_path, changes):
    path = tmp_path / "model.pt"
    rewrite(path, **changes)
    with pytest.raises(LewmError, match="take the file again"):
        load_checkpoint(path)


def test_a_plain_state_dict_is_refused(tmp_path):
    path = tmp_path / "model.pt"
    buffer = io.BytesIO()
    torch.save(checkpoint().tensors, buffer)
    path.write_bytes(buffer.getvalue())
    with pytest.raises(LewmError, match="without our `tensors` and `json`"):
        load_checkpoint(path)


@pytest.mark.parametrize("version", ["2.9.1", "1.13.0", "unknown"])
def test_a_torch_that_loads_unsafely_is_refused(version):
    with pytest.raises(LewmError, match=r"2\.10 and later"):
        require_safe_torch(version)


@pytest.mark.parametrize("version", ["2.10.0", "2.13.0+cpu", "3.0"])
def test_a_torch_that_loads_safely_is_accepted(version):
    require_safe_torch(version)


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(LewmError, match=r"in \.pt or"):
        save_checkpoint(tmp_path / "model.bin", checkpoint())
