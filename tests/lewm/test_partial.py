from pathlib import Path

import pytest

from lewm.build import new_model
from lewm.checkpoints.checkpoint import Checkpoint, save_checkpoint
from lewm.config import tiny
from lewm.data.sidecar import Sidecar
from lewm.data.windows import ActionStats
from lewm.partial import written_whole
from lewm.planning.plan_config import PlanConfig


def test_what_fails_midway_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "kept.txt"
    path.write_text("old")

    def fail_midway():
        with written_whole(path) as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_midway()

    assert [file.name for file in tmp_path.iterdir()] == ["kept.txt"]
    assert path.read_text() == "old"


def test_a_checkpoint_that_cannot_be_written_leaves_no_part_of_it(tmp_path, monkeypatch):
    def fill_the_disk(self, content):
        with self.open("wb") as file:
            file.write(content[:10])
        raise OSError("no space left on device")

    model = new_model(tiny(), seed=0)
    checkpoint = Checkpoint(
        config=tiny(),
        tensors=model.state_dict(),
        action_stats=ActionStats(mean=(0.0, 0.0), std=(1.0, 1.0)),
        world={},
        plan_config=PlanConfig(),
        training={},
    )
    monkeypatch.setattr(Path, "write_bytes", fill_the_disk)

    with pytest.raises(OSError, match="no space"):
        save_checkpoint(tmp_path / "model.pt", checkpoint)

    assert not list(tmp_path.iterdir())


def test_a_data_set_may_be_the_current_folder(tmp_path, monkeypatch):
    data = tmp_path / "data"
    data.mkdir()
    (data / "episodes.h5").write_bytes(b"")
    monkeypatch.chdir(data)

    Sidecar(Path()).put("sha256", "abc")

    assert Sidecar(data).get("sha256") == "abc"
    assert [file.name for file in data.iterdir()] == ["episodes.h5"]
