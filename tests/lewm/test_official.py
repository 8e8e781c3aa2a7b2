"""Round trips with the reference package, and its numbers, at paper size and at a small one."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from lewm.checkpoints.checkpoint import load_checkpoint
from lewm.checkpoints.exchange import export_model
from lewm.checkpoints.official import rename, to_v4, to_v5
from lewm.checkpoints.official_config import format_config, parse_config
from lewm.config import paper
from tests.cli.commands import lewm
from tests.reference import run

NUM_TENSORS = {"paper": 303, "small": 91}
ACTION_WIDTH = {"paper": 2, "small": 5}
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """What the reference wrote: models in the official layout, inputs and its own numbers."""
    folder = tmp_path_factory.mktemp("official")
    run("official", "make", folder)
    for size, width in ACTION_WIDTH.items():
        stats = {"mean": [0.0] * width, "std": [1.0] * width}
        (folder / size / "stats.json").write_text(json.dumps(stats))
        done = lewm(
            "import",
            folder / size / "official",
            *("--action-stats", folder / size / "stats.json"),
            *("--out", folder / size / "ours.pt"),
        )
        assert done.status == 0, done
        assert f"{NUM_TENSORS[size]} of {NUM_TENSORS[size]} tensors, layout v5" in done.out
    return folder


@pytest.mark.parametrize("size", NUM_TENSORS)
def test_an_imported_model_gives_the_numbers_of_the_reference(root, size, capsys):
    model = load_checkpoint(root / size / "ours.pt").model()
    with np.load(root / size / "reference.npz") as stored:
        given = {name: torch.from_numpy(stored[name]) for name in stored}
    blocks, candidates = (
        given[name].unflatten(-1, (5, ACTION_WIDTH[size])) for name in ("blocks", "candidates")
    )
    with torch.no_grad():
        z = model.encode(given["pixels"])
        goal = model.encode(given["goal"])[:, -1]
        found = {"z": z, "z_hat": model.predict(z, blocks)}
        for history in (1, 3):
            samples = candidates.shape[1]
            start = z[:, 3 - history :].repeat_interleave(samples, dim=0)
            end = model.terminal(start, candidates[:, :, 3 - history :].flatten(0, 1))
            error = end.unflatten(0, (-1, samples)) - goal[:, None]
            found[f"cost_{history}"] = error.square().sum(dim=-1)

    worst = {name: (value - given[name]).abs().max().item() for name, value in found.items()}
    with capsys.disabled():
        told = ", ".join(f"{name} {value:.1e}" for name, value in worst.items())
        print(f"\n{size}, largest deviation from the reference: {told}")
    assert max(worst.values()) < TOLERANCE
    assert min(value.std().item() for value in found.values()) > 0.01


def test_an_export_is_the_same_to_the_reference_bit_for_bit(root):
    for size in NUM_TENSORS:
        done = lewm(
            "export",
            root / size / "ours.pt",
            *("--out", root / size / "export"),
            *("--layout", "v5"),
        )
        assert done.status == 0, done

    lines = [line.split() for line in run("official", "load", root).splitlines()]

    assert lines == [["paper", "303", "0.0"], ["small", "91", "0.0"]]


@pytest.mark.parametrize("format", ["pt", "safetensors"])
@pytest.mark.parametrize("layout", ["v4", "v5"])
def test_a_model_goes_out_and_comes_back_bit_for_bit(root, tmp_path, layout, format):
    ours = load_checkpoint(root / "small" / "ours.pt")

    export_model(ours, tmp_path / "out", layout=layout, format=format)
    back = load_checkpoint(tmp_path / "out")

    assert back.config == ours.config
    assert list(back.tensors) == list(ours.tensors)
    assert all(torch.equal(back.tensors[name], value) for name, value in ours.tensors.items())


def test_an_official_folder_keeps_its_files_byte_for_byte(root, tmp_path):
    official = root / "small" / "official"
    words = ("--action-stats", root / "small" / "stats.json", "--out", tmp_path / "kept")

    assert lewm("import", official, *words).status == 0

    for name in ("config.json", "weights.pt"):
        assert (tmp_path / "kept" / name).read_bytes() == (official / name).read_bytes()
    assert load_checkpoint(tmp_path / "kept").config.action_width == 5


# --- without the reference ---------------------------------------------------------------------


def test_every_name_of_the_encoder_is_renamed_and_comes_back():
    from lewm.model import LeWM

    with torch.device("meta"):
        tensors = LeWM(paper()).state_dict()
    renamed = rename(tensors, "v5")
    assert len(tensors) == len(renamed) == 303
    assert sum(to_v5(name) != name for name in tensors) == 12 * 16
    assert [to_v4(name) for name in renamed] == list(tensors)
    name = "encoder.encoder.layer.7.attention.output.dense.weight"
    assert to_v5(name) == "encoder.layers.7.attention.o_proj.weight"
    assert not any("encoder.encoder" in name for name in renamed)


@pytest.mark.parametrize(
    ("action_width", "published"),
    [
        (2, "2564086e961e7b5c7c04dffc451091115b389a590645ff19653c64fd0bc16e09"),
        (5, "4d446944fe28922cc2c5763f43d4ef9132a457bd89e9a0ce5dbceac183994999"),
    ],
)
def test_the_released_configurations_are_read_and_written_byte_for_byte(action_width, published):
    content = format_config(paper(action_width=action_width))

    assert hashlib.sha256(content).hexdigest() == published
    assert parse_config(content, "config.json", block_size=5) == paper(action_width=action_width)
