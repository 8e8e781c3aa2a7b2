"""Data sets that must be refused: by all who read them, in one message, and nothing is left."""

from pathlib import Path

import h5py
import pytest

from tests.bad.data import make
from tests.cli.commands import lewm


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bad_data") / "made"
    make.write(folder)
    return folder


# Refused when it is opened, and so by every command.
UNREADABLE = {
    "action_in_another_file.h5": "lies in another file",
    "action_missing.h5": "lacks action; it holds ep_len, ep_offset",
    "action_one_number_per_row.h5": "dtype float32 and shape (63,), expected numbers and (R, A)",
    "action_shorter_than_pixels.h5": "have unequal lengths: action 62, episode_idx 63",
    "action_text.h5": "action of ",
    "ep_len_fraction.h5": "ep_len of ",
    "ep_len_missing.h5": "lacks ep_len",
    "ep_len_zero.h5": "has no row",
    "ep_offset_shorter_than_ep_len.h5": "holds 3 lengths and 2 offsets",
    "episode_longer_than_numbers.h5": "leaves the 63 rows of the file: it takes rows 42 to 9223372",
    "episode_past_the_end.h5": "leaves the 63 rows of the file: it takes rows 42 to 63",
    "episodes_overlap.h5": "begins before the one before it ends: it takes rows 20 to 40",
    "episodes_unsorted.h5": "begins before the one before it ends",
    "empty.h5": "is not a readable HDF5 file",
    "folder_empty": "is a folder with 0 data sets in it (none), expected one",
    "no_rows.h5": "holds no episode",
    "offset_negative.h5": "it takes rows -1 to 19",
    "packed.h5.zst": "Next: unpack it first",
    "pixels_channels_first.h5": "Next: move the channels last",
    "pixels_float.h5": "have dtype float64 and shape (63, 16, 16, 3), expected uint8",
    "pixels_gray.h5": "shape (63, 16, 16, 1), expected uint8 and (R, H, W, 3)",
    "pixels_missing.h5": "lacks pixels; it holds action",
    "provenance_deep.h5": "is not a JSON object",
    "provenance_no_json.h5": "the attribute provenance of ",
    "state_shorter_than_pixels.h5": "state 58",
    "text.h5": "is not a readable HDF5 file",
    "truncated.h5": "is not a readable HDF5 file",
    "table_actions_of_many_sizes.lance": "expected a list of numbers of one size",
    "table_data_lost.lance": "is not a readable Lance table",
    "table_empty.lance": "holds no episode",
    "table_frame_cut_short.lance": "is not a readable Lance table",
    "table_pixels_are_numbers.lance": "are int32, expected one JPEG per row",
    "table_steps_repeat.lance": "row 1 of ",
    "table_unsorted.lance": "episode 1 step 20, belongs to an earlier episode than the row before",
    "table_versions_lost.lance": "is not a readable Lance table",
    "table_without_action.lance": "lacks action; it holds",
    "table_without_steps.lance": "lacks step_idx; it holds",
}

# Opened, and refused by training.
UNTRAINABLE = {
    "action_three_wide.h5": "has actions of width 3, 2 is needed",
    "actions_all_nan.h5": "episode 0 holds an action that is not a number at step 0 of 21",
    "actions_never_change.h5": "no dimension of them ever changes",
    "episodes_too_short.h5": "no episode has the 20 frames of a window (4 frames, 5 env steps "
    "each); the longest of 3 episodes has 19",
    "inf_inside_an_episode.h5": "episode 1 holds an action that is not a number at step 4 of 21",
    "nan_inside_an_episode.h5": "episode 1 holds an action that is not a number at step 3 of 21",
}


def train(data: Path, out: Path, *more: str):
    return lewm(
        "train",
        *("--data", data, "--out", out, "--preset", "tiny"),
        *("--updates", "2", "--batch-size", "4"),
        *more,
    )


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_refused_by_every_command(name, made, tmp_path):
    lewm("inspect", made / name).refused(2, UNREADABLE[name])
    lewm("convert", made / name, tmp_path / "out.h5").refused(2, UNREADABLE[name])
    train(made / name, tmp_path / "ckpt.pt").refused(2, UNREADABLE[name])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", UNTRAINABLE)
def test_what_cannot_be_trained_on_trains_nothing(name, made, tmp_path):
    train(made / name, tmp_path / "ckpt.pt").refused(2, UNTRAINABLE[name])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [name for name in UNTRAINABLE if "inside" in name])
def test_a_report_says_where_the_action_is_no_number(name, made):
    done = lewm("inspect", made / name)
    assert done.status == 2
    assert f"PROBLEM: {UNTRAINABLE[name]}" in done.out


def test_a_frame_that_is_damaged_ends_training_without_a_checkpoint(made, tmp_path):
    done = train(made / "frame_damaged.h5", tmp_path / "ckpt.pt", "--updates", "4")
    assert done.status == 2
    assert done.err.count("cannot be read to the end") == done.err.count("  Next: ") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_nothing_is_no_column(made, tmp_path):
    path = tmp_path / "linked.h5"
    path.write_bytes((made / "sound.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        file["lost"] = h5py.SoftLink("/nowhere")
    done = lewm("inspect", path)
    assert done.status == 0
    assert "lost" not in done.out


def test_half_a_conversion_is_removed(made, tmp_path):
    for name in ("out.h5", "out.lance"):
        done = lewm("convert", made / "frame_damaged.h5", tmp_path / name)
        assert done.status == 2
        assert "cannot be read to the end" in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_conversion_overwrites_nothing_and_needs_a_known_suffix(made, tmp_path):
    sound = made / "sound.h5"
    lewm("convert", sound, made / "sound.lance").refused(2, "exists and would be overwritten")
    lewm("convert", sound, tmp_path / "gone" / "a.lance").refused(2, "no folder ")
    lewm("convert", sound, tmp_path / "a.zarr").refused(2, "ends in .zarr, a data set in .h5")


def test_frames_of_another_size_than_the_model_sees_are_refused(made, tmp_path):
    done = lewm(
        "train", "--data", made / "sound.h5", "--out", tmp_path / "c.pt", "--preset", "small"
    )
    done.refused(2, "16")


@pytest.mark.parametrize("name", ["sound.h5", "sound.lance"])
def test_what_they_were_made_from_is_sound(name, made, tmp_path):
    done = lewm("inspect", made / name)
    assert (done.status, done.err) == (0, "")
    assert "3 episodes of 20 to 20 env steps, 63 frames of 16 x 16 px" in done.out
    assert lewm("convert", made / name, tmp_path / "copy.h5").status == 0
    assert lewm("inspect", tmp_path / "copy.h5", "--json").json["num_windows"] == 6


def test_every_bad_data_set_has_an_expectation(made):
    named = {path.name for path in made.iterdir() if not path.name.endswith(".stats.json")}
    beside = {"rows.bin"}  # what one of them points to
    assert named - beside - {"sound.h5", "sound.lance", "frame_damaged.h5"} == set(
        UNREADABLE
    ) | set(UNTRAINABLE)
