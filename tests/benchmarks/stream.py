"""What a data set of 40 GB costs in memory: opened, its statistics computed, batches gathered.

    python -m tests.benchmarks.stream [--gigabytes 40] [--batches 200] [--lance]

The file is as long as it says to every reader, but takes little disk: all its frames at 224 px are
written, each the same few packed bytes. A process of its own reads it; what it prints is the most
memory that it ever held, and beside it what it held once torch and h5py were imported.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

SIZE_PX = 224
ROWS_PER_EPISODE = 125
FRAME_BYTES = SIZE_PX * SIZE_PX * 3


def write(path: Path, *, num_bytes: int, size_px: int = SIZE_PX) -> int:
    """Write a data set whose frames unpack to this many bytes; returns its rows."""
    num_episodes = num_bytes // (size_px * size_px * 3) // ROWS_PER_EPISODE
    num_rows = num_episodes * ROWS_PER_EPISODE
    rng = np.random.default_rng(0)
    action = rng.normal(size=(num_rows, 2)).astype(np.float32)
    action[ROWS_PER_EPISODE - 1 :: ROWS_PER_EPISODE] = np.nan
    frame = np.zeros((size_px, size_px, 3), dtype=np.uint8)
    frame[: size_px // 2] = (255, 160, 40)
    packed = zlib.compress(frame.tobytes(), 1)
    shape = (size_px, size_px, 3)
    with h5py.File(path, "w", libver="latest") as file:
        pixels = file.create_dataset(
            "pixels", (num_rows, *shape), "u1", chunks=(1, *shape), compression="gzip"
        )
        for row in range(num_rows):
            pixels.id.write_direct_chunk((row, 0, 0, 0), packed)
        file.create_dataset("action", data=action, chunks=(1, 2))  # as the reference writes it
        file["ep_len"] = np.full(num_episodes, ROWS_PER_EPISODE, dtype=np.int32)
        file["ep_offset"] = np.arange(num_episodes, dtype=np.int64) * ROWS_PER_EPISODE
    return num_rows


def write_lance(path: Path, *, num_bytes: int) -> int:
    """The same as a Lance table, through our writer's packing of one episode."""
    import lance
    import pyarrow as pa

    from lewm.data.jpeg import Jpeg
    from lewm.data.lance_layout import columns_of, schema_of

    num_episodes = num_bytes // FRAME_BYTES // ROWS_PER_EPISODE
    rng = np.random.default_rng(0)
    frame = np.zeros((1, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
    frame[:, : SIZE_PX // 2] = (255, 160, 40)
    jpeg = Jpeg()
    pixels = pa.array(jpeg.pack(frame) * ROWS_PER_EPISODE, type=pa.binary())
    jpeg.close()
    steps = pa.array(np.arange(ROWS_PER_EPISODE, dtype=np.int32))
    columns = columns_of({"pixels": frame, "action": np.zeros((1, 2), dtype=np.float32)})
    schema = schema_of(columns, {})

    def batches() -> Iterator[pa.RecordBatch]:
        for episode in range(num_episodes):
            number = pa.array(np.full(ROWS_PER_EPISODE, episode, dtype=np.int32))
            flat = pa.array(rng.normal(size=2 * ROWS_PER_EPISODE).astype(np.float32))
            actions = pa.FixedSizeListArray.from_arrays(flat, 2)
            yield pa.record_batch([number, steps, pixels, actions], schema=schema)

    lance.write_dataset(pa.RecordBatchReader.from_batches(schema, batches()), str(path))
    return num_episodes * ROWS_PER_EPISODE


def size_of(path: Path) -> int:
    """Bytes on disk of a file, or of all in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


def most_resident() -> int:
    """Bytes that this process held at most; `getrusage` would count those of its parent too."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024


def read(path: Path, num_batches: int, batch_size: int) -> None:
    """Read as training does, and say what it took."""
    from lewm.data.sources import open_source
    from lewm.data.windows import Windows

    imported = most_resident()
    with open_source(path) as source:
        started = time.perf_counter()
        windows = Windows(source, num_frames=4, block_size=5)
        ready = time.perf_counter()
        order = np.random.default_rng(0)
        for _ in range(num_batches):
            windows.gather(order.integers(len(windows), size=batch_size))
        ended = time.perf_counter()
    frames = num_batches * batch_size * 4
    print(f"{len(windows):,} windows; index and statistics {ready - started:.1f} s")
    print(f"{num_batches} batches of {batch_size}: {frames / (ended - ready):,.0f} frames/s")
    most = most_resident()
    print(f"resident at most {most / 2**20:,.0f} MiB, after imports {imported / 2**20:,.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=40)
    parser.add_argument("--batches", type=int, default=200)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--lance", action="store_true", help="A Lance table, not HDF5.")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        read(options.read, options.batches, options.batch_size)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("large.lance" if options.lance else "large.h5")
        make = write_lance if options.lance else write
        num_rows = make(path, num_bytes=int(options.gigabytes * 1e9))
        print(
            f"{num_rows:,} frames of {SIZE_PX} px, {num_rows * FRAME_BYTES / 1e9:.1f} GB unpacked, "
            f"{size_of(path) / 1e9:.2f} GB on disk",
            flush=True,
        )
        program = [sys.executable, "-m", "tests.benchmarks.stream", "--read", str(path)]
        limits = ["--batches", str(options.batches), "--batch-size", str(options.batch_size)]
        subprocess.run([*program, *limits], check=True)


if __name__ == "__main__":
    main()
