"""A model in the official layout through the whole line: measured, verified, checked."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from envelope.errors import BadFile
from envelope.model_files import model_files, model_folder
from lewm.checkpoints.model_folder import find_model
from lewm.errors import LewmError
from tests.bad.official import make
from tests.cli.commands import envelope, lewm
from tests.cli.making import loose_criteria

LAB = ("--key", "lab.pub")


@pytest.fixture(scope="module")
def measured_folder(tmp_path_factory, _keys) -> Path:
    """`model/`, three files, and the record beside it; `out/` is where it was imported from."""
    folder = tmp_path_factory.mktemp("folder")
    official = make.write_sound(folder / "official")
    tensors = torch.load(official / "weights.pt", weights_only=True)
    generator = torch.Generator().manual_seed(0)
    for tensor in tensors.values():
        if tensor.is_floating_point():
            tensor += 0.2 * torch.randn(tensor.shape, generator=generator).abs()
    torch.save(tensors, official / "weights.pt")
    make.write_stats(folder / "stats.json")
    words = ("--action-stats", folder / "stats.json", "--world", "two-room")
    assert lewm("import", official, "--out", folder / "model", *words).status == 0
    _plan_hardly(folder / "model" / "lewm.json")
    loose_criteria(folder / "loose.yaml")
    done = envelope(
        "measure",
        *("--model", folder / "model"),
        *("--suite", "horizon_drift"),
        *("--profile", "quick"),
        *("--criteria", folder / "loose.yaml"),
        *("--sign-key", _keys / "lab.key"),
    )
    assert done.status == 0, done
    return folder


def _plan_hardly(details: Path) -> None:
    data = json.loads(details.read_text())
    data["planner"].update(num_samples=8, iterations=1, elites=2)
    details.write_text(json.dumps(data, indent=1))


@pytest.fixture
def here(measured_folder, _keys, tmp_path, monkeypatch) -> Path:
    for origin in (measured_folder, _keys):
        shutil.copytree(origin, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_record_lies_beside_the_folder_and_lists_each_file_in_it(here):
    record = json.loads(Path("model.envelope/envelope.json").read_text())

    files = {file["path"]: file["size_bytes"] for file in record["model_state"]["files"]}

    assert files == {path.name: path.stat().st_size for path in Path("model").iterdir()}
    assert list(files) == ["weights.pt", "config.json", "lewm.json"]
    assert "checkpoint: model\n" in Path("model.envelope/deploy.yaml").read_text()


def test_check_and_verify_know_the_folder_again(here):
    done = envelope("check", "--deploy", "model.envelope/deploy.yaml", *LAB)
    assert done.status == 0, done
    assert "model, recognised by its files" in done.out

    for path in sorted(Path("model").iterdir()):
        words = ("verify", "model.envelope/attestation.json", *LAB, "--file", path)
        assert envelope(*words).status == 0
    for load in ("model", "model/weights.pt"):
        words = ("verify", "model.envelope/attestation.json", *LAB, "--load", load)
        assert "weights.pt, by its files" in envelope(*words).out


def test_the_same_tensors_in_another_container_are_known_by_their_tensors(here):
    assert lewm("import", "model", "--out", "ours.safetensors").status == 0
    words = ("--layout", "v5", "--format", "safetensors")
    assert lewm("export", "model", "--out", "v5", *words).status == 0

    for load in ("ours.safetensors", "v5"):
        done = envelope("verify", "model.envelope/attestation.json", *LAB, "--load", load)
        assert "by its tensors" in done.out, done


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda: _edit(Path("model/lewm.json"), '"std": [\n   1.0', '"std": [\n   2.0'), 3),
        (lambda: _edit(Path("model/config.json"), '"dropout": 0.1', '"dropout": 0.2'), 3),
        (lambda: shutil.copy("official/config.json", "model/weights.pt"), 3),
        (lambda: Path("model/lewm.json").unlink(), 2),
        (lambda: shutil.copy("model/weights.pt", "model/more.pt"), 2),
    ],
    ids=["scaled_otherwise", "another_config", "other_weights", "file_missing", "two_weights"],
)
def test_a_folder_that_was_changed_is_not_the_one_measured(here, change: Callable, status):
    change()
    assert envelope("check", "--deploy", "model.envelope/deploy.yaml", *LAB).status == status


def _edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_naming_the_weights_is_naming_the_folder(here):
    _edit(
        Path("model.envelope/deploy.yaml"), "checkpoint: model\n", "checkpoint: model/weights.pt\n"
    )
    done = envelope("check", "--deploy", "model.envelope/deploy.yaml", *LAB)
    assert done.status == 0, done


def test_those_who_load_and_those_who_check_see_the_same_files(here):
    shutil.copy("model/weights.pt", "alone.pt")
    for path in map(Path, ("model", "model/weights.pt", "alone.pt")):
        assert model_files(path) == [found for found in find_model(path) if found is not None]
    assert model_folder(Path("alone.pt")) is None
    shutil.copy("model/weights.pt", "model/second_weight.ckpt")
    with pytest.raises(LewmError, match="several"):
        find_model(Path("model"))
    with pytest.raises(BadFile, match="one file of weights"):
        model_files(Path("model"))


def test_a_measured_folder_is_signed_as_a_whole_too(here):
    assert envelope("sign-model", "model", "--sign-key", "lab.key").status == 0
    assert envelope("verify-model", "model", *LAB).status == 0
