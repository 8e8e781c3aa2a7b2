from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from lewm.data.episode_file import EpisodeWriter
from lewm.data.file_source import FileSource
from lewm.data.windows import MemorySource, Windows, pixels_from_frames
from lewm.errors import LewmError
from tests.lewm.dots import record


def test_a_window_holds_the_frames_and_the_dense_actions_between_them():
    data = record()
    windows = Windows(MemorySource(data), num_frames=4, block_size=5)
    assert len(windows) == 6 * (25 - 20 + 1)

    pixels, blocks = windows.gather(np.array([0, 8]))

    expected = pixels_from_frames(data.frames[1, 2:18:5])
    assert torch.equal(pixels[1], expected)
    raw = windows.action_stats.restore(blocks[1]).reshape(15, 2)
    assert np.allclose(raw.numpy(), data.actions[1, 2:17], atol=1e-6)


def test_action_statistics_are_unbiased_and_per_raw_dimension():
    data = record()
    stats = Windows(MemorySource(data), num_frames=4, block_size=5).action_stats
    flat = data.actions.reshape(-1, 2).astype(np.float64)
    assert stats.mean == pytest.approx(tuple(flat.mean(axis=0)))
    assert stats.std == pytest.approx(tuple(flat.std(axis=0, ddof=1)))


def test_pixels_are_imagenet_normalized():
    white = np.full((1, 2, 2, 3), 255, dtype=np.uint8)
    pixels = pixels_from_frames(white)
    assert pixels.shape == (1, 3, 2, 2)
    expected = [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    assert pixels[0, :, 0, 0].tolist() == pytest.approx(expected)


def test_windows_from_a_file_equal_windows_from_memory(tmp_path: Path):
    data = record()
    path = tmp_path / "episodes.h5"
    with EpisodeWriter(path) as writer:
        writer.append(data)
    memory = Windows(MemorySource(data), num_frames=4, block_size=5)

    with FileSource(path) as source:
        from_file = Windows(source, num_frames=4, block_size=5)
        indices = np.array([3, 35, 11])
        for found, expected in zip(from_file.gather(indices), memory.gather(indices), strict=True):
            assert torch.equal(found, expected)
        assert from_file.action_stats == memory.action_stats
        assert len(source.digest()) == 64


def test_a_file_without_actions_is_refused(tmp_path: Path):
    path = tmp_path / "episodes.h5"
    with h5py.File(path, "w") as file:
        file["pixels"] = np.zeros((2, 4, 4, 3), dtype=np.uint8)
    with pytest.raises(LewmError, match="lacks action, ep_len, ep_offset; it holds pixels"):
        FileSource(path)


def test_a_file_that_is_not_hdf5_is_refused(tmp_path: Path):
    path = tmp_path / "episodes.h5"
    path.write_bytes(b"not at all")
    with pytest.raises(LewmError, match="not a readable HDF5 file"):
        FileSource(path)


def test_episodes_shorter_than_a_window_are_refused():
    with pytest.raises(
        LewmError, match=r"no episode has the 20 frames of a window.*longest of 6 episodes has 15"
    ):
        Windows(MemorySource(record(length=14)), num_frames=4, block_size=5)
