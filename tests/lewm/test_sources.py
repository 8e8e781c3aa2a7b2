"""Data sets of every format are opened by what they are, and what is none is refused."""

import json
import os
import sys
import tracemalloc
import types

import h5py
import numpy as np
import pytest
import torch

from lewm.data.convert import convert
from lewm.data.episode_file import EpisodeWriter
from lewm.data.jpeg import Jpeg
from lewm.data.lance_writer import LanceWriter
from lewm.data.prefetch import prefetched
from lewm.data.report import inspect
from lewm.data.sidecar import Sidecar
from lewm.data.sources import open_source, require_fit
from lewm.data.windows import MemorySource, Windows
from lewm.errors import LewmError
from lewm.worlds.two_room import TwoRoom
from tests.benchmarks import stream
from tests.lewm.dots import record


def write(path, lengths=(24, 30), **how):
    with EpisodeWriter(path, **how) as writer:
        for seed, length in enumerate(lengths):
            writer.append(record(episodes=1, length=length, seed=seed))
    return path


@pytest.fixture
def h5(tmp_path):
    return write(tmp_path / "e.h5", provenance={"world": "dots"})


@pytest.fixture
def table(tmp_path, h5):
    with open_source(h5) as source:
        convert(source, tmp_path / "e.lance")
    return tmp_path / "e.lance"


def everything(path):
    with open_source(path) as source:
        columns = {
            name: [source.read_column(name, e) for e in range(len(source.lengths))]
            for name in source.columns
        }
        return columns, source.provenance


@pytest.mark.parametrize("compression", ["gzip", "lzf", "blosc", "zstd", "none"])
def test_what_is_converted_between_files_is_the_same_bit_for_bit(tmp_path, h5, compression):
    with open_source(h5) as source:
        convert(source, tmp_path / "c.h5", compression=compression)

    (before, origin), (after, kept) = everything(h5), everything(tmp_path / "c.h5")
    assert origin == kept == {"world": "dots"}
    assert before.keys() == after.keys()
    for name, episodes in before.items():
        for old, new in zip(episodes, after[name], strict=True):
            assert old.dtype == new.dtype
            assert np.array_equal(old, new, equal_nan=name == "action")


def test_a_table_remembers_names_shapes_and_types(tmp_path, h5, table):
    with open_source(table) as source:
        assert source.provenance == {"world": "dots"}
        convert(source, tmp_path / "back.h5")
    before, _ = everything(h5)
    after, _ = everything(tmp_path / "back.h5")
    assert before.keys() == after.keys()
    assert np.array_equal(before["action"][0], after["action"][0], equal_nan=True)
    assert after["state"][1].dtype == np.float64
    assert np.array_equal(before["proprio"][1], after["proprio"][1])


@pytest.mark.parametrize(("size_px", "mean", "most"), [(224, 0.1, 12), (64, 0.5, 50)])
def test_jpeg_loses_as_much_as_is_said(size_px, mean, most):
    world = TwoRoom(size_px=size_px)
    frames = world.render(world.sample_states(np.random.default_rng(0), 8))
    jpeg = Jpeg()
    apart = np.abs(np.stack(jpeg.unpack(jpeg.pack(frames))).astype(int) - frames)
    jpeg.close()
    assert 0 < apart.mean() < mean
    assert 0 < apart.max() <= most


def test_text_and_extra_columns_of_any_shape_survive(tmp_path):
    episode = {
        "pixels": np.zeros((4, 8, 8, 3), dtype=np.uint8),
        "pixels_wrist": np.full((4, 8, 8, 3), 9, dtype=np.uint8),
        "action": np.arange(8, dtype=np.float32).reshape(4, 2),
        "goal.state": np.arange(24, dtype=np.float64).reshape(4, 3, 2),
        "reward": np.arange(4, dtype=np.float64),
        "task": np.array(["push"] * 4, dtype=object),
    }
    for name in ("a.h5", "b.lance"):
        kind = EpisodeWriter if name.endswith(".h5") else LanceWriter
        with kind(tmp_path / name) as writer:
            writer.append_columns(episode)
        found, _ = everything(tmp_path / name)
        assert found["goal.state"][0].shape == (4, 3, 2)
        assert found["reward"][0].tolist() == [0, 1, 2, 3]
        assert found["pixels_wrist"][0].shape == (4, 8, 8, 3)
        assert [getattr(t, "decode", lambda t=t: t)() for t in found["task"][0]] == ["push"] * 4


def test_a_folder_with_one_data_set_in_it_is_that_data_set(tmp_path, h5):
    with open_source(tmp_path) as source:
        assert source.lengths.tolist() == [24, 30]
    write(tmp_path / "second.h5")
    with pytest.raises(LewmError, match=r"2 data sets in it \(e.h5, second.h5\)"):
        open_source(tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none.h5", "not a readable HDF5 file"),
        ("none.lance", "not a readable Lance table"),
        ("notes.txt", "neither HDF5, Lance nor LeRobot"),
        ("e.h5.zst", "neither HDF5, Lance nor LeRobot\n  Next: unpack it first"),
        ("empty", r"0 data sets in it \(none\)"),
        ("lerobot://lerobot/pusht", "lerobot, which reads it, is not installed"),
    ],
)
def test_what_is_no_data_set_is_refused(tmp_path, name, words, monkeypatch):
    (tmp_path / "notes.txt").write_text("no data")
    (tmp_path / "e.h5.zst").write_bytes(b"\x28\xb5\x2f\xfd")
    (tmp_path / "empty").mkdir()
    monkeypatch.setitem(sys.modules, "lerobot", None)
    with pytest.raises(LewmError, match=words):
        open_source(name if ":" in name else tmp_path / name)


def test_without_pylance_a_table_is_refused_with_what_to_install(table, monkeypatch):
    monkeypatch.setitem(sys.modules, "lance", None)
    monkeypatch.delitem(sys.modules, "lewm.data.lance_source", raising=False)
    with pytest.raises(LewmError, match=r"lance is not installed\n  Next: .*\[lance\]"):
        open_source(table)


def test_a_filter_that_is_missing_is_named(tmp_path, monkeypatch):
    path = write(tmp_path / "b.h5", compression="blosc")
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda code: False)
    with pytest.raises(LewmError, match=r"packed with the HDF5 filter 32001 \(blosc\)"):
        open_source(path)
    with pytest.raises(LewmError, match="filter zstd is not installed"):
        EpisodeWriter(tmp_path / "z.h5", compression="zstd")


def test_frames_in_chunks_of_many_and_in_any_order_are_the_same(tmp_path, h5):
    with h5py.File(h5) as old, h5py.File(tmp_path / "c.h5", "w") as new:
        for name, column in old.items():
            rows = min(7, len(column))
            new.create_dataset(name, data=column[:], chunks=(rows, *column.shape[1:]), shuffle=True)
    times = np.array([20, 3, 3, 8, 0, 14])
    with open_source(h5) as plain, open_source(tmp_path / "c.h5") as chunked:
        assert np.array_equal(plain.read_frames(1, times), chunked.read_frames(1, times))
        assert np.array_equal(
            plain.read_frames(1, times), record(episodes=1, length=30, seed=1).frames[0, times]
        )


def test_frames_that_were_never_written_are_the_fill_value(tmp_path):
    with h5py.File(tmp_path / "e.h5", "w") as file:
        file.create_dataset("pixels", (21, 8, 8, 3), "u1", chunks=(1, 8, 8, 3), compression="gzip")
        file["action"] = np.arange(21.0)[:, None]
        file["ep_len"], file["ep_offset"] = np.array([21]), np.array([0])
    with open_source(tmp_path / "e.h5") as source:
        assert source.read_frames(0, np.arange(21)).max() == 0


def test_a_picture_too_large_to_unpack_is_refused_as_damage(monkeypatch):
    packed = Jpeg().pack(np.zeros((1, 16, 16, 3), dtype=np.uint8))
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 100)
    with pytest.raises(OSError, match="exceeds limit of"):
        Jpeg().unpack(packed)


# --- statistics ---------------------------------------------------------------------------------


def test_statistics_are_kept_beside_the_data_and_never_believed_of_other_data(h5, monkeypatch):
    kept = h5.with_name("e.h5.stats.json")
    with open_source(h5) as source:
        stats, digest = source.action_stats(), source.digest()
    assert set(json.loads(kept.read_text())) == {"action_stats", "sha256", "format", "of"}

    with monkeypatch.context() as patched:
        patched.setattr("lewm.data.file_source.action_stats_of", None)
        with open_source(h5) as source:
            assert (source.action_stats(), source.digest()) == (stats, digest)

    times = os.stat(h5)
    with h5py.File(h5, "r+") as file:
        file["action"][:20] = file["action"][:20] * 3
    os.utime(h5, ns=(times.st_atime_ns, times.st_mtime_ns))
    with open_source(h5) as source:
        assert source.action_stats() != stats
        assert source.digest() != digest


def test_what_changes_while_it_is_computed_from_is_not_believed(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(b"before")
    sidecar = Sidecar(path)
    path.write_bytes(b"and after")
    sidecar.put("sha256", "of what was there before")
    assert Sidecar(path).get("sha256") is None


@pytest.mark.parametrize("content", ["", "[]", '{"format": "lewm.data.windows-statistics/1"}', "{"])
def test_a_damaged_file_of_statistics_is_replaced(h5, content):
    kept = h5.with_name("e.h5.stats.json")
    kept.write_text(content)
    with open_source(h5) as source:
        stats = source.action_stats()
    assert json.loads(kept.read_text())["action_stats"]["mean"] == list(stats.mean)


def test_edited_statistics_that_cannot_be_are_computed_again(h5):
    with open_source(h5) as source:
        stats = source.action_stats()
    kept = h5.with_name("e.h5.stats.json")
    content = json.loads(kept.read_text())
    content["action_stats"]["std"] = [0.0, -1.0]
    kept.write_text(json.dumps(content))
    with open_source(h5) as source:
        assert source.action_stats() == stats


def test_a_dimension_that_never_changes_is_held_where_it_was():
    data = record()
    data.actions[..., 1] = 0.7
    stats = MemorySource(data).action_stats()
    assert stats.std[1] == 1e-8
    z = stats.normalize(torch.from_numpy(data.actions))
    assert z[..., 1].abs().max() == 0
    assert stats.restore(torch.full((1, 2), 3.0))[0, 1].item() == pytest.approx(0.7)


def test_statistics_of_memory_file_and_table_are_one(h5, table):
    found = []
    for path in (h5, table):
        with open_source(path) as source:
            found.append(source.action_stats())
    assert found[0] == found[1]


# --- batches ahead ------------------------------------------------------------------------------


def test_batches_read_ahead_are_those_read_one_by_one(table):
    with open_source(table) as source:
        windows = Windows(source, num_frames=4, block_size=5)
        batches = [np.array([i, 3]) for i in range(6)]
        ahead = list(prefetched(windows, batches))
        for (frames, blocks), indices in zip(ahead, batches, strict=True):
            expected = windows.read(indices)
            assert torch.equal(frames, expected[0])
            assert torch.equal(blocks, expected[1])


def test_reading_ahead_stops_with_its_reader_and_says_what_went_wrong(h5):
    with open_source(h5) as source:
        windows = Windows(source, num_frames=4, block_size=5)
        endless = prefetched(windows, iter(lambda: np.array([0]), None))
        next(endless)
        endless.close()
        wrong = prefetched(windows, [np.array([0]), np.array([10_000])])
        next(wrong)
        with pytest.raises(IndexError):
            next(wrong)


# --- LeRobot ------------------------------------------------------------------------------------


class FakeLeRobot:
    """What `LeRobotDataset` offers of two episodes, 5 and 4 rows, one camera."""

    features = dict.fromkeys(
        ("observation.image", "observation.state", "action", "episode_index", "index")
    )
    meta = types.SimpleNamespace(camera_keys=["observation.image"])
    hf_dataset = {  # noqa: RUF012
        "episode_index": [torch.tensor(e) for e in [3] * 5 + [7] * 4],
        "action": [torch.tensor([float(i), -float(i)]) for i in range(9)],
        "observation.state": [torch.tensor([float(i)]) for i in range(9)],
        "index": list(range(9)),
    }

    fetched_to = None

    def __init__(self, repo_id, root=None):
        self.repo_id, self.root = repo_id, root or self.fetched_to
        if repo_id == "lab/gone":
            raise FileNotFoundError("no such repository")

    def __getitem__(self, row):
        return {"observation.image": torch.full((3, 8, 6), row / 255)}


@pytest.fixture
def lerobot(monkeypatch):
    module = types.ModuleType("lerobot.datasets.lerobot_dataset")
    module.LeRobotDataset = FakeLeRobot
    for name in ("lerobot", "lerobot.datasets"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.mark.usefixtures("lerobot")
def test_a_lerobot_data_set_gives_windows(tmp_path):
    with open_source("lerobot://lab/arm") as source:
        assert source.lengths.tolist() == [4, 3]
        assert source.columns == ("pixels", "action", "observation.state")
        assert (source.action_width, source.frame_size_px) == (2, (8, 6))
        windows = Windows(source, num_frames=2, block_size=2)
        frames, blocks = windows.read(np.arange(len(windows)))
        assert frames[:, :, 0, 0, 0].tolist() == [[0, 2], [1, 3], [5, 7]]
        raw = source.action_stats().restore(blocks)
        assert raw[2, 0, :, 0].tolist() == pytest.approx([5, 6])
        assert source.action_stats().mean == (4.0, -4.0)
        assert source.read_column("observation.state", 1).tolist() == [[5], [6], [7], [8]]
        convert(source, tmp_path / "arm.h5")
    with open_source(tmp_path / "arm.h5") as copy:
        assert copy.read_frames(1, np.array([3]))[0, 0, 0, 0] == 8


@pytest.fixture
def fetched(lerobot, tmp_path, monkeypatch):
    """Where the package put the files of a repository, and what it notes beside them."""
    for name in ("meta/info.json", "data/0.parquet", "videos/0.mp4", ".cache/time"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(name.encode())
    monkeypatch.setattr(FakeLeRobot, "fetched_to", tmp_path)
    return tmp_path


def digest_of(name):
    with open_source(name) as source:
        assert source.digest() == source.digest()
        return source.digest()


@pytest.mark.parametrize("name", ["meta/info.json", "data/0.parquet", "videos/0.mp4"])
def test_a_repository_with_another_file_is_another_data_set(fetched, name):
    before = digest_of("lerobot://lab/arm")
    assert len(before) == 64
    assert digest_of("lerobot://lab/arm") == before
    assert digest_of("lerobot://lab/leg") != before

    (fetched / name).write_bytes(b"another revision")
    assert digest_of("lerobot://lab/arm") != before


def test_when_a_repository_was_fetched_makes_no_other_data_set_of_it(fetched):
    before = digest_of("lerobot://lab/arm")
    (fetched / ".cache/time").write_bytes(b"later")

    assert digest_of("lerobot://lab/arm") == before
    assert sorted(path.name for path in fetched.iterdir()) == [".cache", "data", "meta", "videos"]


@pytest.mark.usefixtures("lerobot")
def test_a_repository_whose_files_are_nowhere_has_no_digest():
    with (
        open_source("lerobot://lab/arm") as source,
        pytest.raises(LewmError, match="does not say where its files are"),
    ):
        source.digest()


@pytest.mark.usefixtures("lerobot")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lerobot://lab/gone", "lerobot cannot open lab/gone: FileNotFoundError"),
        ("lerobot://lab/arm?camera=top", r"has the cameras \['observation.image'\], top was"),
    ],
)
def test_a_lerobot_data_set_that_cannot_be_opened_is_refused(name, words):
    with pytest.raises(LewmError, match=words):
        open_source(name)


@pytest.mark.usefixtures("lerobot")
def test_opening_a_lerobot_data_set_reads_each_column_without_the_frames(monkeypatch):
    rows = FakeLeRobot.hf_dataset

    class Table:
        def select_columns(self, names):
            return {name: rows[name] for name in names}

        def __getitem__(self, name):
            raise OSError("decodes every frame of the row")

    monkeypatch.setattr(FakeLeRobot, "hf_dataset", Table())
    with open_source("lerobot://lab/arm") as source:
        assert source.lengths.tolist() == [4, 3]
    monkeypatch.delattr(Table, "select_columns")
    with pytest.raises(LewmError, match="lerobot cannot read episode_index of lab/arm: OSError"):
        open_source("lerobot://lab/arm")


@pytest.mark.usefixtures("lerobot")
def test_a_frame_that_lerobot_cannot_decode_is_refused(monkeypatch):
    def broken(self, row):
        raise OSError("broken data stream when reading image file")

    monkeypatch.setattr(FakeLeRobot, "__getitem__", broken)
    with pytest.raises(LewmError, match="lerobot cannot read row 0 of lab/arm: OSError: broken"):
        open_source("lerobot://lab/arm")


@pytest.mark.parametrize(
    "code", ["raise RuntimeError('operator torchvision::nms does not exist')", "import not_there"]
)
def test_a_lerobot_that_is_installed_and_broken_is_told_from_none(code, tmp_path, monkeypatch):
    package = tmp_path / "lerobot" / "datasets"
    package.mkdir(parents=True)
    (package / "lerobot_dataset.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "lerobot"]:
        monkeypatch.delitem(sys.modules, name)

    with pytest.raises(LewmError, match=r"is installed and cannot be loaded: .*Error"):
        open_source("lerobot://lab/arm")

    for name in [name for name in sys.modules if name.split(".")[0] == "lerobot"]:
        monkeypatch.delitem(sys.modules, name)


# --- what fits, what is wrong -------------------------------------------------------------------


def test_data_that_a_model_or_a_world_cannot_take_are_refused(h5):
    with open_source(h5) as source:
        require_fit(source, h5, size_px=16, action_width=2)
        with pytest.raises(LewmError, match="frames of 16 x 16 px, 64 x 64 px are needed"):
            require_fit(source, h5, size_px=64)
        with pytest.raises(LewmError, match="actions of width 2, 5 is needed"):
            require_fit(source, h5, action_width=5)
        with pytest.raises(LewmError, match="has no column nothing; it holds action"):
            source.read_column("nothing", 0)


def test_a_report_counts_and_names_what_is_wrong(tmp_path):
    path = write(tmp_path / "e.h5", (24, 15))
    with h5py.File(path, "r+") as file:
        file["episode_idx"][:] = 0
        file["action"][:, 1] = 2.0
    with open_source(path) as source:
        found = inspect(source)
    assert (found.num_windows, found.num_short_episodes, found.num_rows) == (6, 1, 41)
    assert found.problems == (
        "action 1 never changes",
        "episode_idx disagrees with the offsets in episode 1",
    )
    assert "PROBLEM: action 1 never changes" in found.as_text()


# --- memory -------------------------------------------------------------------------------------


def test_a_file_of_two_gigabytes_is_read_in_the_memory_of_its_batches(tmp_path):
    num_bytes, size_px, batch_size = 2 * 10**9, 512, 4
    rows = stream.write(tmp_path / "large.h5", num_bytes=num_bytes, size_px=size_px)
    assert rows * size_px**2 * 3 > 0.9 * num_bytes
    assert (tmp_path / "large.h5").stat().st_size < num_bytes / 50

    tracemalloc.start()
    try:
        with open_source(tmp_path / "large.h5") as source:
            windows = Windows(source, num_frames=4, block_size=5)
            for first in range(0, len(windows), len(windows) // 10):
                windows.read(np.arange(first, first + batch_size) % len(windows))
            _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    of_a_batch = batch_size * 4 * size_px**2 * 3
    assert of_a_batch < most < 4 * of_a_batch
