"""Episodes in a file: what is written comes back, what is not a data set is refused."""

import json

import h5py
import numpy as np
import pytest

from lewm.collection.collect import collect
from lewm.collection.collect_to_file import collect_to_file
from lewm.collection.policies import NoisyExpert, RandomPolicy
from lewm.data.episode_file import EpisodeWriter, read_episodes
from lewm.errors import LewmError
from lewm.worlds.two_room import FACTORS, TwoRoom

WORLD = TwoRoom(size_px=16, factors={"agent.radius": 9.5, "door.size": (9, 3, 3)})
HOW = {"length_env_steps": 5, "seed": 3}


@pytest.fixture(scope="module")
def some():
    return collect(WORLD, NoisyExpert(), num_episodes=3, **HOW)


@pytest.fixture
def path(tmp_path, some):
    with EpisodeWriter(tmp_path / "e.h5") as writer:
        writer.append(some)
    return tmp_path / "e.h5"


def assert_same(found, expected):
    for name in ("frames", "actions", "states"):
        assert np.array_equal(getattr(found, name), getattr(expected, name))
        assert getattr(found, name).dtype == getattr(expected, name).dtype


@pytest.mark.parametrize("compression", ["gzip", "lzf"])
def test_what_is_collected_to_a_file_is_what_collect_returns(tmp_path, compression):
    path = tmp_path / "e.h5"
    collect_to_file(path, WORLD, NoisyExpert(), num_episodes=18, compression=compression, **HOW)

    assert_same(read_episodes(path), collect(WORLD, NoisyExpert(), num_episodes=18, **HOW))
    assert [file.name for file in tmp_path.iterdir()] == ["e.h5"]


def test_the_file_is_laid_out_as_the_field_does(tmp_path):
    path = tmp_path / "e.h5"
    collect_to_file(path, WORLD, RandomPolicy(), num_episodes=2, **HOW)
    with h5py.File(path) as file:
        assert {name for name in file if not name.startswith("variation.")} == {
            *("pixels", "action", "state", "proprio", "episode_idx", "step_idx"),
            *("ep_len", "ep_offset"),
        }
        assert file["pixels"].shape == (12, 16, 16, 3)
        assert file["pixels"].chunks == (1, 16, 16, 3)
        assert file["pixels"].dtype == np.uint8
        assert np.isnan(file["action"][:]).all(axis=1).tolist() == ([False] * 5 + [True]) * 2
        assert file["ep_len"][:].tolist() == [6, 6]
        assert file["ep_offset"][:].tolist() == [0, 6]
        assert file["episode_idx"][:].tolist() == [0] * 6 + [1] * 6
        assert file["step_idx"][:].tolist() == list(range(6)) * 2
        assert {name[10:] for name in file if name.startswith("variation.")} == set(FACTORS)
        assert file["variation.agent.radius"][:].tolist() == [9.5] * 12
        assert file["variation.door.size"][:].tolist() == [[9, 3, 3]] * 12
        origin = json.loads(file.attrs["provenance"])
    assert (origin["policy"], origin["seed"], origin["size_px"]) == ("random", 3, 16)


def test_a_part_can_be_read_and_longer_episodes_cut(path, some):
    found = read_episodes(path, first_episode=1, num_episodes=2, length_env_steps=3, size_px=16)
    assert np.array_equal(found.states, some.states[1:, :4])
    assert np.array_equal(found.actions, some.actions[1:, :3])


def test_episodes_of_unequal_length_need_a_length(tmp_path, some):
    shorter = collect(WORLD, NoisyExpert(), num_episodes=1, length_env_steps=4, seed=0)
    with EpisodeWriter(tmp_path / "e.h5") as writer:
        writer.append(some)
        writer.append(shorter)

    with pytest.raises(LewmError, match="4 to 5 env steps, expected equal"):
        read_episodes(tmp_path / "e.h5")
    with pytest.raises(LewmError, match=r"5 env steps were asked for, the shortest .* lasts 4"):
        read_episodes(tmp_path / "e.h5", length_env_steps=5)
    cut = read_episodes(tmp_path / "e.h5", length_env_steps=4)
    assert np.array_equal(cut.frames[-1], shorter.frames[0])


def test_a_writer_refuses_another_size_and_leaves_nothing_behind(tmp_path, some):
    larger = collect(TwoRoom(size_px=24), RandomPolicy(), num_episodes=1, **HOW)

    def write_both():
        with EpisodeWriter(tmp_path / "e.h5") as writer:
            writer.append(some)
            writer.append(larger)

    with pytest.raises(LewmError, match=r"\(24, 24, 3\), those written before \(16, 16, 3\)"):
        write_both()
    assert not list(tmp_path.iterdir())


def test_a_writer_overwrites_nothing_and_makes_no_empty_file(path, tmp_path):
    with pytest.raises(LewmError, match=r"e\.h5 exists"):
        EpisodeWriter(path)
    with pytest.raises(LewmError, match="no folder"):
        EpisodeWriter(tmp_path / "nowhere" / "e.h5")
    with pytest.raises(LewmError, match="no episode"), EpisodeWriter(tmp_path / "empty.h5"):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ["e.h5"]


def test_a_file_with_the_older_state_column_is_read(path, some):
    with h5py.File(path, "a") as file:
        del file["state"]
        file.move("proprio", "pos_agent")
    assert np.array_equal(read_episodes(path).states, some.states.astype(np.float32))


def drop(name):
    return lambda file: file.__delitem__(name)


def replace(name, change):
    def edit(file):
        values = change(file[name][:])
        del file[name]
        file[name] = values

    return edit


def no_states(file):
    del file["state"], file["proprio"]


def no_episodes(file):
    for name in ("ep_len", "ep_offset"):
        replace(name, lambda values: values[:0])(file)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (drop("pixels"), "lacks pixels; it holds action"),
        (drop("ep_len"), "lacks ep_len"),
        (no_states, "lacks state or proprio or pos_agent"),
        (replace("pixels", lambda p: p.astype(np.float32)), "dtype float32"),
        (replace("pixels", lambda p: p.transpose(0, 3, 1, 2)), r"\(18, 3, 16, 16\)"),
        (
            replace("pixels", lambda p: p[:-1]),
            "unequal lengths: action 18, episode_idx 18, pixels 17",
        ),
        (
            replace("ep_offset", lambda o: o + 1),
            "episode 2 of .* leaves the 18 rows of the file: it takes rows 13 to 18",
        ),
        (replace("ep_offset", lambda o: o - 1), "episode 0 of .* begins before .* rows -1 to 4"),
        (replace("ep_len", lambda n: n[1:]), "2 lengths and 3 offsets"),
        (replace("action", lambda a: a * np.nan), "not finite before the end"),
        (replace("ep_len", lambda n: n * 0 + 1), "the shortest episode of .* lasts 0"),
        (no_episodes, "holds no episode"),
    ],
)
def test_a_file_that_is_no_such_data_set_is_refused(path, edit, words):
    with h5py.File(path, "a") as file:
        edit(file)
    with pytest.raises(LewmError, match=words):
        read_episodes(path)


def test_a_file_that_is_no_hdf5_too_few_episodes_and_another_size_are_refused(path, tmp_path):
    (tmp_path / "text.h5").write_text("pixels")
    for wrong, how, words in (
        (tmp_path / "text.h5", {}, "not a readable HDF5 file"),
        (tmp_path / "none.h5", {}, "not a readable HDF5 file"),
        (path, {"num_episodes": 4}, "holds 3 episodes, 4 were asked for"),
        (path, {"first_episode": 3}, "holds 3 episodes"),
        (path, {"size_px": 64}, "16 x 16 px, expected 64 x 64"),
        (path, {"length_env_steps": 0}, "0 env steps were asked for"),
    ):
        with pytest.raises(LewmError, match=words):
            read_episodes(wrong, **how)
