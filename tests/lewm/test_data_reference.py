"""Data sets written here are read by the reference package, and the other way round."""

import numpy as np
import pytest
import torch

from lewm.data.convert import convert
from lewm.data.episode_file import EpisodeWriter
from lewm.data.sources import open_source
from lewm.data.windows import Windows, pixels_from_frames
from tests import reference
from tests.lewm.dots import record

LENGTHS = (24, 18, 31, 19)
SETS = ("ours.h5", "ours.lance", "theirs.h5", "theirs.lance", "collected.h5")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("formats")
    with EpisodeWriter(folder / "ours.h5", variation={"agent.radius": 9.5}) as writer:
        for seed, length in enumerate(LENGTHS):
            writer.append(record(episodes=1, length=length, seed=seed))
    with open_source(folder / "ours.h5") as source:
        convert(source, folder / "ours.lance")
    reference.run("data_formats", folder)
    return folder


@pytest.mark.parametrize("name", SETS)
def test_the_reference_has_the_same_windows_of_the_same_file(folder, name):
    theirs = np.load(folder / f"{name}.npz")
    with open_source(folder / name) as source:
        windows = Windows(source, num_frames=4, block_size=5)
        indices = np.arange(len(windows))
        episodes, starts = windows.locate(indices)
        frames, blocks = windows.read(indices)
        stats = source.action_stats()
        rows = source.lengths + 1

    assert len(windows) == len(theirs["clips"]) == np.maximum(rows - 19, 0).sum()
    assert np.array_equal(np.stack([episodes, starts], axis=1), theirs["clips"])
    assert np.array_equal(frames.numpy(), theirs["pixels"].transpose(0, 1, 3, 4, 2))
    dense = theirs["action"].reshape(len(windows), 4, 5, 2)
    ours = torch.from_numpy(dense[:, :3])  # the fourth block is read by no loss
    assert torch.equal(blocks, stats.normalize(ours))
    assert not blocks.isnan().any()
    assert stats.mean == pytest.approx(theirs["mean"].tolist(), abs=1e-6)
    num = int((rows - 1).sum()) + (len(rows) if name == "collected.h5" else 0)
    population = np.array(stats.std) * np.sqrt((num - 1) / num)
    assert population == pytest.approx(theirs["std"], rel=1e-5)


@pytest.mark.parametrize("name", ["theirs.h5", "theirs.lance"])
def test_the_episodes_that_the_reference_wrote_come_back(folder, name):
    with open_source(folder / name) as source:
        assert source.lengths.tolist() == [25, 11, 19]
        assert Windows(source, num_frames=4, block_size=5).num_short_episodes == 1
        radius = next(n for n in source.columns if n.startswith("variation"))
        assert source.read_column(radius, 1).tolist() == [[7.0]] * 12
        assert source.read_column("proprio", 2, np.array([3])).shape == (1, 4)
        assert source.frame_size_px == (16, 16)


def test_the_window_that_reaches_the_last_row_is_where_the_reference_meets_nan(folder):
    theirs = np.load(folder / "theirs.h5.npz")
    assert np.isnan(theirs["action"]).any(axis=(1, 2)).tolist() == [False] * 6 + [True, True]
    assert np.isnan(theirs["action"][6]).sum() == 2


def test_the_lance_table_holds_what_the_file_holds_but_for_jpeg(folder):
    with open_source(folder / "ours.h5") as exact, open_source(folder / "ours.lance") as lossy:
        assert set(lossy.columns) == set(exact.columns) | {"episode_idx", "step_idx"}
        assert np.array_equal(exact.lengths, lossy.lengths)
        for name in exact.columns:
            before, after = exact.read_column(name, 2), lossy.read_column(name, 2)
            assert before.shape == after.shape
            if name == "pixels":
                apart = np.abs(before.astype(int) - after.astype(int))
                assert apart.mean() < 1.0
                assert apart.max() <= 12
            else:
                assert np.allclose(before, after, rtol=1e-6, equal_nan=True)
        assert exact.action_stats().mean == pytest.approx(lossy.action_stats().mean)


def test_pixels_are_those_of_the_file(folder):
    with open_source(folder / "ours.h5") as source:
        windows = Windows(source, num_frames=4, block_size=5)
        pixels, _ = windows.gather(np.array([0]))
    frames = record(episodes=1, length=LENGTHS[0], seed=0).frames[0, [0, 5, 10, 15]]
    assert torch.equal(pixels[0], pixels_from_frames(frames))
