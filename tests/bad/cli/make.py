"""The files that must be refused and cannot be written as text, each named after its defect.

    python -m tests.bad.cli.make FOLDER

writes `checkpoints/`, `episodes/` and `keys/` into FOLDER. Nothing in them is secret or harmful:
the pickles would leave an empty file named PICKLE_WAS_RUN where they are loaded.
"""

import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import safetensors.torch
import torch
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from torch import Tensor, nn

from lewm.worlds.two_room import TwoRoom
from tests.cli.making import SIZE_PX, awake_checkpoint

MARKER = "PICKLE_WAS_RUN"


class Gadget:
    """Runs when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
        return open, (MARKER, "w")


# --- checkpoints ------------------------------------------------------------------------------


def write_checkpoints(folder: Path) -> None:
    """Checkpoints of which nothing may be measured; `sound.pt` differs from each in one thing."""
    folder.mkdir(parents=True)
    sound = folder / "sound.pt"
    awake_checkpoint(sound)
    content = sound.read_bytes()
    loaded = torch.load(sound, weights_only=True)
    tensors: dict[str, Tensor] = loaded["tensors"]
    data: dict[str, Any] = json.loads(loaded["json"])
    first = next(iter(tensors))

    def whole(name: str, value: object) -> None:
        torch.save(value, folder / name)

    def said(name: str, **changes: object) -> None:
        text = json.dumps({**data, **changes})
        torch.save({"tensors": tensors, "json": text}, folder / name)

    def held(name: str, changed: dict[str, Tensor]) -> None:
        torch.save({"tensors": changed, "json": loaded["json"]}, folder / name)

    (folder / "empty.pt").write_bytes(b"")
    (folder / "text.pt").write_text("not a checkpoint\n")
    (folder / "truncated.pt").write_bytes(content[: len(content) * 2 // 3])
    (folder / "truncated_by_a_byte.pt").write_bytes(content[:-1])
    (folder / "pickle_outside_zip.pt").write_bytes(pickle.dumps(Gadget()))
    whole("pickled_module.pt", nn.Linear(1, 1))
    whole("pickled_gadget.pt", Gadget())
    whole("pickled_gadget_as_json.pt", {"tensors": tensors, "json": Gadget()})
    whole("pickled_gadget_as_tensor.pt", {"tensors": {**tensors, first: Gadget()}, "json": "{}"})
    whole("list_of_tensors.pt", list(tensors.values()))
    whole("state_dict_alone.pt", tensors)
    whole("tensors_are_numbers.pt", {"tensors": {"a": 1.0}, "json": loaded["json"]})
    whole("json_is_no_json.pt", {"tensors": tensors, "json": "{'a': 1"})
    said("format_unknown.pt", format="lewm-checkpoint/99")
    said("description_has_more.pt", adapter="os.system")
    nested = {"a": {"b": {"_target_": "os.system", "args": [f"touch {MARKER}"]}}}
    said("config_names_code.pt", model={**data["model"], "encoder": nested})
    said("config_is_huge.pt", model={**data["model"], "encoder_width": 10**9})
    said("planner_unknown.pt", planner={**data["planner"], "algorithm": "magic"})
    said("statistics_are_nan.pt", action_stats={"mean": [0, 0], "std": [float("nan"), 1]})
    said("statistics_of_three_actions.pt", action_stats={"mean": [0, 0, 0], "std": [1, 1, 1]})
    said("world_missing.pt", world={})
    said("world_without_size.pt", world={"world": "two-room"})
    said("world_unknown.pt", world={**data["world"], "world": "three-room"})
    said("world_of_another_size.pt", world={**data["world"], "size_px": 2 * SIZE_PX})
    said("world_with_unknown_factor.pt", world={**data["world"], "factors": {"gravity": 9.81}})
    held("tensor_missing.pt", {name: value for name, value in tensors.items() if name != first})
    held("tensor_too_many.pt", {**tensors, "extra.weight": torch.zeros(1)})
    held("tensor_of_another_shape.pt", {**tensors, first: torch.zeros(3)})
    held("tensor_of_another_type.pt", {**tensors, first: tensors[first].half()})
    _write_wider_actions(folder / "actions_of_width_three.pt")

    awake_checkpoint(folder / "sound.safetensors")
    stored = (folder / "sound.safetensors").read_bytes()
    (folder / "truncated.safetensors").write_bytes(stored[: len(stored) // 2])
    (folder / "torch_file.safetensors").write_bytes(content)
    safetensors.torch.save_file(tensors, folder / "without_description.safetensors")


def _write_wider_actions(path: Path) -> None:
    from lewm.build import new_model
    from lewm.config import tiny
    from lewm.data.windows import ActionStats

    config = tiny(action_width=3, image_size=SIZE_PX)
    awake_checkpoint(
        path,
        config=config,
        tensors=dict(new_model(config, seed=0).state_dict()),
        action_stats=ActionStats(mean=(0.0,) * 3, std=(1.0,) * 3),
    )


# --- episodes ---------------------------------------------------------------------------------


def write_episodes(folder: Path) -> None:
    """Episode files that nothing can be trained on."""
    from lewm.collection.collect_to_file import collect_to_file
    from lewm.collection.policies import NoisyExpert

    folder.mkdir(parents=True)
    sound = folder / "sound.h5"
    world = TwoRoom(size_px=SIZE_PX)
    collect_to_file(sound, world, NoisyExpert(), num_episodes=3, length_env_steps=20, seed=0)
    content = sound.read_bytes()

    def changed(name: str, change: Callable[[h5py.File], None]) -> None:
        (folder / name).write_bytes(content)
        with h5py.File(folder / name, "r+") as file:
            change(file)

    def replace(column: str, value: Any) -> Callable[[h5py.File], None]:
        def change(file: h5py.File) -> None:
            del file[column]
            if value is not None:
                file[column] = value

        return change

    def no_rows(file: h5py.File) -> None:
        for column in file:
            file[column].resize(0, axis=0)

    def elsewhere(file: h5py.File) -> None:
        del file.attrs["provenance"]

    (folder / "empty.h5").write_bytes(b"")
    (folder / "text.h5").write_text("not a data set\n")
    (folder / "truncated.h5").write_bytes(content[: len(content) // 2])
    changed("no_episode.h5", no_rows)
    changed("pixels_missing.h5", replace("pixels", None))
    changed("collected_elsewhere.h5", elsewhere)
    changed("episodes_too_short.h5", replace("ep_len", np.full(3, 10, dtype=np.int32)))
    with h5py.File(sound) as file:
        nan = np.full_like(file["action"][:], np.nan)
    changed("actions_are_nan.h5", replace("action", nan))


# --- keys -------------------------------------------------------------------------------------


def write_keys(folder: Path) -> None:
    """Key files of kinds that are not accepted, or of none."""
    folder.mkdir(parents=True)
    kinds = {
        "rsa": rsa.generate_private_key(65537, 2048),
        "curve_p384": ec.generate_private_key(ec.SECP384R1()),
    }
    for name, key in kinds.items():
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{name}.key").write_bytes(pem)
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (folder / f"{name}.pub").write_bytes(public)
        (folder / "cut_short.key").write_bytes(pem[: len(pem) // 2])
        (folder / "cut_short.pub").write_bytes(public[: len(public) // 2])
    for suffix in ("key", "pub"):
        (folder / f"empty.{suffix}").write_bytes(b"")
        (folder / f"text.{suffix}").write_text("not a key\n")
        (folder / f"too_large.{suffix}").write_bytes(b"A" * 2**17)


if __name__ == "__main__":
    for write in (write_checkpoints, write_episodes, write_keys):
        write(Path(sys.argv[1]) / write.__name__.removeprefix("write_"))
