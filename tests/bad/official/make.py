"""Models in the official layout that must be refused, each folder named after its defect.

    python -m tests.bad.official.make FOLDER

Nothing in them is harmful: what runs would leave an empty file, PICKLE_WAS_RUN or TARGET_WAS_RUN,
where it is loaded. `configs/` beside this file holds each `config.json` that must be refused.
"""

import json
import shutil
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from lewm.build import new_model
from lewm.checkpoints.official import rename
from lewm.checkpoints.official_config import format_config
from lewm.config import ModelConfig, tiny
from tests.bad.cli.make import Gadget

CONFIGS = Path(__file__).parent / "configs"
STATS = {"mean": [0.0, 0.0], "std": [1.0, 1.0]}
FIRST = "encoder.embeddings.cls_token"
BLOCK = "encoder.encoder.layer.0.attention.output.dense.bias"


def config(*, action_width: int = 2) -> ModelConfig:
    """The smallest model that the official layout can hold."""
    return replace(tiny(action_width=action_width), latent_width=16)


def tensors(*, action_width: int = 2) -> dict[str, Tensor]:
    return dict(new_model(config(action_width=action_width), seed=0).state_dict())


def write_sound(folder: Path, *, action_width: int = 2) -> Path:
    """A model of which nothing is wrong."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_bytes(format_config(config(action_width=action_width)))
    torch.save(tensors(action_width=action_width), folder / "weights.pt")
    return folder


def write_weights(root: Path) -> None:
    """Folders whose weights are not what their `config.json` describes, or not only that."""
    sound = tensors()

    def held(name: str, value: object) -> None:
        torch.save(value, write_sound(root / name) / "weights.pt")

    def changed(name: str, **change: Tensor) -> None:
        held(name, {**sound, **change})

    def altered(name: str, change: Callable[[Path], object]) -> None:
        change(write_sound(root / name))

    held("tensor_missing", {name: value for name, value in sound.items() if name != FIRST})
    missing_v5 = rename({name: value for name, value in sound.items() if name != BLOCK}, "v5")
    held("tensor_missing_in_v5", missing_v5)
    changed("tensor_too_many", **{"encoder.embeddings.mask_token": torch.zeros(1, 1, 16)})
    changed("tensor_of_another_shape", **{FIRST: torch.zeros(3)})
    changed("tensor_of_another_type", **{FIRST: sound[FIRST].half()})
    changed("tensor_larger_than_the_file", **{FIRST: torch.zeros(1).expand(1, 10**6, 16)})
    changed("tensor_is_sparse", **{FIRST: sound[FIRST].to_sparse()})
    changed("tensor_without_storage", **{FIRST: torch.empty(1, 1, 16, device="meta")})
    held("both_layouts", {**sound, **rename(sound, "v5")})
    held("pickled_module", nn.Linear(1, 1))
    held("pickled_gadget", Gadget())
    held("pickled_gadget_as_tensor", {**sound, FIRST: Gadget()})
    held("list_of_tensors", list(sound.values()))
    held("numbers", {"a": 1.0})
    altered("empty", lambda at: (at / "weights.pt").write_bytes(b""))
    altered("truncated", lambda at: _cut(at / "weights.pt", -1000))
    altered("truncated_by_a_byte", lambda at: _cut(at / "weights.pt", -1))
    altered("compressed", lambda at: _compress(at / "weights.pt"))
    altered("two_weights", lambda at: save_file(sound, at / "weights.safetensors"))
    altered("no_weights", lambda at: (at / "weights.pt").unlink())
    altered("no_config", lambda at: (at / "config.json").unlink())
    altered("weights_linked", lambda at: _move_out(at / "weights.pt", root / "outside.pt"))
    altered("config_linked", lambda at: _move_out(at / "config.json", root / "outside.json"))
    altered("only_a_module", lambda at: (at / "weights.pt").rename(at / "lewm_object.ckpt"))
    altered("safetensors_truncated", lambda at: _half_safetensors(at, sound))


def write_configs(root: Path) -> None:
    """A sound model under each `config.json` that must be refused."""
    for path in sorted(CONFIGS.glob("*.json")):
        shutil.copy(path, write_sound(root / path.stem) / "config.json")


def write_stats(path: Path) -> None:
    path.write_text(json.dumps(STATS))


def _cut(path: Path, end: int) -> None:
    path.write_bytes(path.read_bytes()[:end])


def _compress(path: Path) -> None:
    """The same zip with its entries deflated, one of them a million times smaller than its size."""
    with zipfile.ZipFile(path) as stored:
        entries = {name: stored.read(name) for name in stored.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in entries.items():
            packed.writestr(name, content)
        packed.writestr("weights/data/999", bytes(2**24))


def _move_out(path: Path, target: Path) -> None:
    path.rename(target)
    path.symlink_to(target)


def _half_safetensors(folder: Path, sound: dict[str, Tensor]) -> None:
    (folder / "weights.pt").unlink()
    save_file(sound, folder / "weights.safetensors")
    _cut(folder / "weights.safetensors", 3000)


if __name__ == "__main__":
    write_weights(Path(sys.argv[1]) / "weights")
    write_configs(Path(sys.argv[1]) / "configs")
