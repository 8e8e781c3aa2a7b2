"""Frames per second of random training windows, our readers beside the reference's.

    .venv-reference/bin/python -m tests.benchmarks.read_windows [--windows 256]

4 frames, 5 env steps apart, of TwoRoom at 224 px, page cache warm. The reference reads a window at
a time, as a worker of its loader does, and every format that it can. Both stop at uint8 frames and
dense actions; the windows are the same, and compared. Runs in the environment of the reference,
which lacks nothing of ours.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import tests.reference.torchvision_schemas  # noqa: F401

# isort: split
import numpy as np
from stable_worldmodel.data.format import detect_format

from lewm.collection.collect import collect
from lewm.collection.policies import RandomPolicy
from lewm.data.convert import convert
from lewm.data.episode_file import EpisodeWriter
from lewm.data.sources import open_source
from lewm.data.windows import Windows
from lewm.worlds.two_room import TwoRoom

COMPRESSIONS = ("gzip", "lzf", "blosc", "zstd")
REPEATS = 5


def write(folder: Path, *, num_episodes: int, size_px: int) -> list[Path]:
    """The same episodes in every format."""
    first = folder / "gzip.h5"
    with EpisodeWriter(first) as writer:
        for episode in range(num_episodes):
            writer.append(
                collect(
                    TwoRoom(size_px=size_px),
                    RandomPolicy(),
                    num_episodes=1,
                    length_env_steps=60,
                    seed=0,
                    first_episode=episode,
                )
            )
    paths = [first]
    with open_source(first) as source:
        for compression in COMPRESSIONS[1:]:
            paths.append(folder / f"{compression}.h5")
            convert(source, paths[-1], compression=compression)
        paths.append(folder / "jpeg.lance")
        convert(source, paths[-1])
    return paths


def fastest(work: Callable[[], object]) -> float:
    """Seconds of the fastest of some runs, after one to warm up."""
    seconds = []
    for _ in range(REPEATS + 1):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:])


def items(data: Any, chosen: list[int]) -> list[Any]:
    """Items of a data set of the reference, as its loader asks for them."""
    if hasattr(data, "__getitems__"):
        return data.__getitems__(chosen)
    return [data[index] for index in chosen]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=256)
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--size-px", type=int, default=224)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {options.size_px} px")
    print(f"{'':12}{'ours':>12}{'reference':>12}   frames/s, fastest of {REPEATS}")
    with tempfile.TemporaryDirectory() as name:
        paths = write(Path(name), num_episodes=options.episodes, size_px=options.size_px)
        for path in paths:
            # One after the other: HDF5 refuses a file that is open in another mode.
            with open_source(path) as source:
                windows = Windows(source, num_frames=4, block_size=5)
                chosen = np.random.default_rng(0).integers(len(windows), size=options.windows)
                ours_seconds = fastest(partial(windows.read, chosen))
                frames, _ = windows.read(chosen[:8])
            theirs = detect_format(path).open_reader(
                path, frameskip=5, num_steps=4, keys_to_load=["pixels", "action"]
            )
            their_seconds = fastest(partial(items, theirs, chosen.tolist()))
            for mine, item in zip(frames, items(theirs, chosen[:8].tolist()), strict=True):
                same = bool((mine == item["pixels"].permute(0, 2, 3, 1)).all())
                assert same, f"{path.name}: the windows differ"
            num = 4 * options.windows
            ratio = their_seconds / ours_seconds
            print(
                f"{path.name:12}{num / ours_seconds:12,.0f}{num / their_seconds:12,.0f}"
                f"   ratio {ratio:.2f}"
            )


if __name__ == "__main__":
    main()
