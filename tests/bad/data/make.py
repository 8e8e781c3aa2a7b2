"""Data sets that must be refused, each named after its defect.

    python -m tests.bad.data.make FOLDER

writes them into FOLDER, beside `sound.h5` and `sound.lance`, from which each differs in one thing.
"""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import lance
import numpy as np
import pyarrow as pa

from lewm.collection.collect_to_file import collect_to_file
from lewm.collection.policies import NoisyExpert
from lewm.data.convert import convert
from lewm.data.sources import open_source
from lewm.worlds.two_room import TwoRoom

SIZE_PX = 16
Edit = Callable[[h5py.File], None]


def replace(column: str, change: Callable[[Any], Any] | None, **how: Any) -> Edit:
    """Change a column's values, or leave it out."""

    def edit(file: h5py.File) -> None:
        values = file[column][:]
        del file[column]
        if change is not None:
            file.create_dataset(column, data=change(values), **how)

    return edit


def put(column: str, row: Any, value: float) -> Edit:
    """Change one row."""

    def edit(file: h5py.File) -> None:
        file[column][row] = value

    return edit


def _no_rows(file: h5py.File) -> None:
    for column in file:
        file[column].resize(0, axis=0)


def _in_another_file(file: h5py.File) -> None:
    rows = file["action"][:].tobytes()
    other = Path(file.filename).with_name("rows.bin")
    other.write_bytes(rows)
    del file["action"]
    file.create_dataset("action", (63, 2), "f4", external=[(str(other), 0, len(rows))])


HDF5: dict[str, Edit] = {
    "action_in_another_file": _in_another_file,
    "action_missing": replace("action", None),
    "action_one_number_per_row": replace("action", lambda a: a[:, 0]),
    "action_shorter_than_pixels": replace("action", lambda a: a[:-1]),
    "action_text": replace("action", lambda a: a.astype("S8")),
    "action_three_wide": replace("action", lambda a: np.repeat(a, 2, axis=1)[:, :3]),
    "actions_all_nan": replace("action", lambda a: a * np.nan),
    "actions_never_change": replace("action", lambda a: a * 0),
    "ep_len_fraction": replace("ep_len", lambda n: n + 0.5),
    "ep_len_missing": replace("ep_len", None),
    "ep_len_zero": put("ep_len", 1, 0),
    "ep_offset_shorter_than_ep_len": replace("ep_offset", lambda o: o[:-1]),
    "episode_longer_than_numbers": replace("ep_len", lambda n: [*n[:2], 2**63 - 1]),
    "episode_past_the_end": put("ep_len", 2, 22),
    "episodes_overlap": put("ep_offset", 1, 20),
    "episodes_too_short": replace("ep_len", lambda n: n * 0 + 19),
    "episodes_unsorted": replace("ep_offset", lambda o: o[::-1]),
    "inf_inside_an_episode": put("action", 25, np.inf),
    "nan_inside_an_episode": put("action", (24, 1), np.nan),
    "no_rows": _no_rows,
    "offset_negative": put("ep_offset", 0, -1),
    "pixels_channels_first": replace("pixels", lambda p: p.transpose(0, 3, 1, 2)),
    "pixels_float": replace("pixels", lambda p: p / 255.0),
    "pixels_gray": replace("pixels", lambda p: p[..., :1]),
    "pixels_missing": replace("pixels", None),
    "provenance_deep": lambda file: file.attrs.__setitem__("provenance", "[" * 50_000),
    "provenance_no_json": lambda file: file.attrs.__setitem__("provenance", "{"),
    "state_shorter_than_pixels": replace("state", lambda s: s[:-5]),
}


def write(folder: Path) -> None:
    """Write every data set."""
    folder.mkdir(parents=True)
    sound = folder / "sound.h5"
    world = TwoRoom(size_px=SIZE_PX)
    collect_to_file(sound, world, NoisyExpert(), num_episodes=3, length_env_steps=20, seed=0)
    content = sound.read_bytes()
    for name, edit in HDF5.items():
        path = folder / f"{name}.h5"
        path.write_bytes(content)
        with h5py.File(path, "r+") as file:
            edit(file)
    (folder / "empty.h5").write_bytes(b"")
    (folder / "text.h5").write_text("no data set\n")
    (folder / "truncated.h5").write_bytes(content[: len(content) // 2])
    (folder / "frame_damaged.h5").write_bytes(_with_a_damaged_frame(sound, content))
    (folder / "folder_empty").mkdir()
    (folder / "packed.h5.zst").write_bytes(b"\x28\xb5\x2f\xfd")
    with open_source(sound) as source:
        convert(source, folder / "sound.lance")
    _write_tables(folder)


def _with_a_damaged_frame(sound: Path, content: bytes) -> bytes:
    with h5py.File(sound) as file:
        where = file["pixels"].id.get_chunk_info_by_coord((0, 0, 0, 0))
    damaged = bytearray(content)
    damaged[where.byte_offset : where.byte_offset + where.size] = bytes(where.size)
    return bytes(damaged)


def _write_tables(folder: Path) -> None:
    table = lance.dataset(str(folder / "sound.lance")).to_table()

    def changed(name: str, made: pa.Table) -> None:
        lance.write_dataset(made, str(folder / f"{name}.lance"))

    def with_column(name: str, values: pa.Array) -> pa.Table:
        return table.set_column(table.schema.get_field_index(name), name, values)

    first = table.column("pixels")[0].as_py()
    cut = [first[: len(first) // 2], *table.column("pixels").to_pylist()[1:]]
    changed("table_without_action", table.drop_columns(["action"]))
    changed("table_without_steps", table.drop_columns(["step_idx"]))
    changed("table_empty", table.slice(0, 0))
    changed("table_unsorted", table.take(list(range(table.num_rows))[::-1]))
    changed("table_steps_repeat", with_column("step_idx", pa.array(np.zeros(63, dtype=np.int32))))
    changed("table_frame_cut_short", with_column("pixels", pa.array(cut)))
    changed("table_pixels_are_numbers", with_column("pixels", table.column("step_idx")))
    changed("table_actions_of_many_sizes", with_column("action", pa.array([[1.0]] * 63)))
    for name, lost in (("table_versions_lost", "_versions"), ("table_data_lost", "data")):
        shutil.copytree(folder / "sound.lance", folder / f"{name}.lance")
        shutil.rmtree(folder / f"{name}.lance" / lost)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
