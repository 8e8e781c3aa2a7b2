import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from lewm.checkpoints.checkpoint import Checkpoint, load_checkpoint
from lewm.data.file_source import FileSource
from lewm.data.windows import Windows
from lewm.errors import LewmError
from lewm.training.distributed import mean_over_ranks, num_ranks, rank, share_of
from tests.cli.commands import lewm
from tests.lewm.ranks import REGULARIZERS, losses_and_gradients

ROOT = Path(__file__).parents[2]


def start_ranks(*words: object, ranks: int = 2) -> list[subprocess.CompletedProcess[str]]:
    """Run a module in several processes, with what torchrun would tell them."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    told = {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port), "WORLD_SIZE": str(ranks)}
    running = [
        subprocess.Popen(
            [sys.executable, "-m", *map(str, words)],
            env={**os.environ, **told, "RANK": str(number), "OMP_NUM_THREADS": "1"},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(ranks)
    ]
    outputs = [process.communicate(timeout=300) for process in running]
    return [
        subprocess.CompletedProcess(process.args, process.returncode, *output)
        for process, output in zip(running, outputs, strict=True)
    ]


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory) -> dict[str, dict[str, torch.Tensor]]:
    out = tmp_path_factory.mktemp("ranks") / "found.pt"
    for done in start_ranks("tests.lewm.ranks", out):
        assert done.returncode == 0, done.stderr[-3000:]
    return torch.load(out, weights_only=True)


@pytest.fixture(scope="module")
def one_rank() -> dict[str, dict[str, torch.Tensor]]:
    return {str(dtype): losses_and_gradients(dtype) for dtype in (torch.float64, torch.float32)}


def test_one_process_is_its_own_only_rank():
    x = torch.ones(3)
    assert (num_ranks(), rank(), share_of(8)) == (1, 0, slice(0, 8))
    assert mean_over_ranks(x) is x


@pytest.mark.parametrize("regularizer", REGULARIZERS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_two_ranks_give_the_statistics_and_gradients_of_one(
    two_ranks, one_rank, regularizer, dtype, tolerance
):
    found, expected = two_ranks[str(dtype)], one_rank[str(dtype)]
    names = [name for name in expected if name.startswith(f"{regularizer}/")]
    assert found.keys() == expected.keys()
    assert len(names) > 50
    # VICReg and PLDM have gradients of norm 19, and float32 rounds those of one rank as far
    scale = 2 * max(1.0, torch.stack([found[n].double().norm() for n in names]).max().item())
    scale = 1.0 if regularizer == "sigreg" else scale
    for name in names:
        assert (found[name] - expected[name]).abs().max().item() <= tolerance * scale, name


def trained(folder: Path, *words: str, ranks: int = 1) -> Checkpoint:
    """`lewm train` on the folder's episodes, by several processes that torchrun starts."""
    out = folder / f"{ranks}.pt"
    train = ("train", "--data", str(folder / "data.h5"), "--out", str(out), *words)
    if ranks == 1:
        done = lewm(*train)
        assert done.status == 0, done
    else:
        torchrun = ("torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks), "-m")
        started = subprocess.run(
            [sys.executable, "-m", *torchrun, "lewm.cli", *train],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert started.returncode == 0, started.stderr[-3000:]
        assert started.stdout.count("sha256") == 1
    return load_checkpoint(out)


def test_torchrun_trains_on_two_processes_as_on_one(tmp_path):
    collected = lewm("collect", "--episodes", "2", "--length", "30", "--out", tmp_path / "data.h5")
    assert collected.status == 0, collected
    words = ("--updates", "12", "--batch-size", "8", "--kernels", "torch", "--save-every", "5")

    one = trained(tmp_path, *words)
    two = trained(tmp_path, *words, ranks=2)

    assert two.training["num_processes"] == 2
    assert "num_processes" not in one.training
    for ours, theirs in zip(two.training["losses"], one.training["losses"], strict=True):
        for quantity in ("prediction", "sigreg", "latent_std"):
            assert ours[quantity] == pytest.approx(theirs[quantity], rel=2e-3), ours["update"]
    with FileSource(tmp_path / "data.h5") as source:
        pixels, _ = Windows(source, num_frames=4, block_size=5).gather(np.arange(8))
    with torch.no_grad():
        ours, theirs = (found.model().encode(pixels) for found in (two, one))
    assert (ours - theirs).abs().max() < 0.02 * theirs.std()
    assert not list(tmp_path.glob("*.state*"))
    assert json.dumps(two.training["train"]) == json.dumps(one.training["train"])


def test_a_batch_that_does_not_divide_among_the_ranks_is_refused(monkeypatch):
    monkeypatch.setattr("lewm.training.distributed.num_ranks", lambda: 3)
    with pytest.raises(LewmError, match="batch of 8 does not divide among 3 processes"):
        share_of(8)
