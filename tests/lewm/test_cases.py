"""Cases: paired, held out, unsolved at the start, and not to be edited."""

import json
import subprocess
import sys

import numpy as np
import pytest

from lewm.collection.collect import HELD_OUT_FIRST_EPISODE, walk
from lewm.collection.policies import NoisyExpert
from lewm.errors import LewmError
from lewm.evaluation.cases import Cases, load, sample_cases, save
from lewm.worlds.two_room import TwoRoom

WORLD = TwoRoom(size_px=16)
HOW = {"goal_offset_env_steps": 25, "seed": 0}


@pytest.fixture(scope="module")
def some():
    return sample_cases(WORLD, num_cases=40, **HOW)


def test_start_and_goal_are_the_given_env_steps_apart_in_a_held_out_episode(some):
    numbers = range(HELD_OUT_FIRST_EPISODE, HELD_OUT_FIRST_EPISODE + 64)
    states, _ = walk(WORLD, NoisyExpert(), episodes=numbers, length_env_steps=100, seed=0)
    episodes, rows = [], []
    for start, goal in zip(some.starts, some.goals, strict=True):
        (episode,), (row,) = np.nonzero((states == start).all(axis=-1))
        assert np.array_equal(states[episode, row + 25], goal)
        episodes.append(episode)
        rows.append(row)
    assert len(set(episodes)) == 40
    assert min(rows) < 10
    assert max(rows) > 65
    assert len(set(rows)) > 20


def test_no_case_is_solved_at_the_start_and_those_left_out_are_counted():
    near = sample_cases(WORLD, num_cases=60, goal_offset_env_steps=6, seed=1)
    assert near.num_cases == 60
    assert not WORLD.solved(near.starts, near.goals).any()
    assert near.num_solved_dropped > 5


def test_cases_are_seeded_and_fewer_are_the_first_of_more(some):
    few = sample_cases(WORLD, num_cases=7, **HOW)
    other = sample_cases(WORLD, num_cases=7, goal_offset_env_steps=25, seed=1)
    assert np.array_equal(few.starts, some.starts[:7])
    assert np.array_equal(few.goals, some.goals[:7])
    assert not np.isin(other.starts, some.starts).any()


def test_the_size_of_the_picture_does_not_change_the_states(some):
    large = sample_cases(TwoRoom(), num_cases=40, **HOW)
    assert np.array_equal(large.starts, some.starts)
    assert large.digest() != some.digest()  # the origin names the size


def test_cases_come_back_from_a_file_exactly(tmp_path, some):
    save(tmp_path / "cases.json", some)
    found = load(tmp_path / "cases.json")
    assert np.array_equal(found.starts, some.starts)
    assert np.array_equal(found.goals, some.goals)
    assert (found.origin, found.num_solved_dropped) == (some.origin, some.num_solved_dropped)
    assert (
        found.digest()
        == some.digest()
        == json.loads((tmp_path / "cases.json").read_text())["sha256"]
    )


@pytest.mark.parametrize(
    "edit",
    [
        lambda c: c["goals"][0].__setitem__(0, c["goals"][0][0] + 1e-12),
        lambda c: c["starts"].pop(),
        lambda c: c.update(num_solved_dropped=5),
        lambda c: c["origin"].update(seed=1),
        lambda c: c.update(comment="kept"),
        lambda c: c.pop("sha256"),
    ],
)
def test_an_edited_file_is_refused(tmp_path, some, edit):
    path = tmp_path / "cases.json"
    save(path, some)
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))
    with pytest.raises(LewmError, match=r"was edited: its sha256 says .*, its content has"):
        load(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "cannot be read as JSON"), ("[]", "holds a list"), ("{}", "format None")],
)
def test_a_file_that_holds_no_cases_is_refused(tmp_path, text, words):
    (tmp_path / "cases.json").write_text(text)
    with pytest.raises(LewmError, match=words):
        load(tmp_path / "cases.json")
    with pytest.raises(LewmError, match="cannot be read"):
        load(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"num_cases": 0}, "num_cases is 0"),
        ({"goal_offset_env_steps": 0}, "is 0, its range is 1 to the 100"),
        ({"goal_offset_env_steps": 101}, "is 101, its range is 1 to the 100"),
        ({"goal_offset_env_steps": 1}, "only 0 of .* pairs 1 env steps apart are unsolved"),
    ],
)
def test_cases_that_cannot_be_sampled_are_refused(wrong, words):
    with pytest.raises(LewmError, match=words):
        sample_cases(WORLD, **{"num_cases": 3, **HOW, **wrong})


def test_arrays_that_do_not_pair_up_are_no_cases():
    two, three = np.zeros((2, 2)), np.zeros((3, 2))
    for starts, goals in ((two, three), (two[:0], two[:0]), (two, two * np.nan)):
        with pytest.raises(LewmError):
            Cases(starts, goals, {}, 0)


def test_sampling_cases_needs_no_h5py():
    code = (
        "import sys, lewm.evaluation.cases; "
        "sys.exit('h5py' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_file_nested_without_end_is_no_file_of_cases(tmp_path):
    path = tmp_path / "cases.json"
    path.write_text("[" * 50_000)
    with pytest.raises(LewmError, match="cannot be read as JSON"):
        load(path)
