"""Collection by several processes writes what one writes."""

import h5py
import numpy as np
import pytest

from lewm.collection.collect_to_file import collect_to_file
from lewm.collection.collect_workers import in_order
from lewm.collection.policies import Mixture, NoisyExpert, RandomPolicy
from lewm.collection.policies_named import case_policy, make_policy
from lewm.collection.policies_pusht import WeakPusher
from lewm.collection.push_expert import PushExpert
from lewm.collection.straight_walker import StraightWalker
from lewm.errors import LewmError
from lewm.worlds import register_world
from lewm.worlds.two_room import TwoRoom
from tests.lewm.tiny_env import tiny_world

WORLD = TwoRoom(size_px=16, factors={"agent.radius": 9.5})
HOW = {"num_episodes": 7, "length_env_steps": 6, "seed": 3}


@pytest.fixture
def small_parts(monkeypatch):
    """Few episodes at once, so that there are parts to share."""
    monkeypatch.setattr("lewm.collection.collect_to_file._EPISODES_AT_ONCE", 2)


def test_the_number_of_workers_changes_nothing_in_the_file(tmp_path, small_parts):
    policy = Mixture((NoisyExpert(), StraightWalker()))
    told = []
    for workers in (1, 2):
        path = tmp_path / f"{workers}.h5"
        collect_to_file(path, WORLD, policy, **HOW, num_workers=workers, progress=told.append)

    assert told == [2, 2, 2, 1] * 2
    with h5py.File(tmp_path / "1.h5") as one, h5py.File(tmp_path / "2.h5") as two:
        assert dict(one.attrs) == dict(two.attrs)
        assert set(one) == set(two)
        for name in one:
            assert np.array_equal(one[name][:], two[name][:], equal_nan=True), name
        assert {"state", "proprio", "variation.agent.radius"} <= set(one)


def test_what_a_worker_refuses_is_said_once_and_leaves_no_file(tmp_path, small_parts):
    # An odd policy for a world: it fails only when it acts, in the worker.
    path = tmp_path / "none.h5"
    with pytest.raises(LewmError, match="the expert pushes the T of swm/pusht"):
        collect_to_file(path, WORLD, PushExpert(), **HOW, num_workers=2)
    assert list(tmp_path.iterdir()) == []


def test_no_worker_is_refused():
    with pytest.raises(LewmError, match="num_workers is 0, the least is 1"):
        next(in_order(WORLD, RandomPolicy(), [], num_workers=0))


def test_a_simulator_keeps_its_columns_under_their_names(tmp_path):
    path = tmp_path / "tiny.h5"
    world = tiny_world()
    register_world(f"tests/{tmp_path.name}", tiny_world)
    collect_to_file(path, world, RandomPolicy(), **HOW)
    with h5py.File(path) as file:
        assert file["simulator_state"].shape == (7 * 7, 2)
        assert np.isnan(file["action"][6]).all()
        states, actions = file["simulator_state"][:7], file["action"][:6]
        assert file["variation.dot.color"].shape == (49, 3)
    for time in range(6):
        after = world.step(states[[time]], actions[[time]])
        assert np.array_equal(after[0], states[time + 1])


def test_large_frames_are_collected_fewer_at_once():
    from lewm.collection.collect_to_file import _episodes_at_once

    assert _episodes_at_once(16, 100) == 16
    assert _episodes_at_once(224, 100) == 4
    assert _episodes_at_once(1024, 1000) == 1


def test_policies_have_names_by_world():
    settings = make_policy(WORLD, ("expert", "weak"), action_noise=0.25).settings()
    assert [part["policy"] for part in settings["parts"]] == ["noisy_expert", "straight_walker"]
    assert [part["action_noise"] for part in settings["parts"]] == [0.25, 0.25]
    assert make_policy(tiny_world()).settings()["parts"] == [{"policy": "random"}]


def test_cases_are_drawn_from_the_worlds_own_expert():
    assert case_policy(WORLD).settings()["policy"] == "noisy_expert"
    assert case_policy(tiny_world()).settings()["parts"] == [{"policy": "random"}]


@pytest.mark.parametrize(
    ("world", "name", "words"),
    [
        (WORLD, "best", "no policy is called 'best' in two-room; there are expert, random"),
        (tiny_world(), "expert", "no policy is called 'expert' in tiny; there are random"),
    ],
)
def test_a_policy_that_a_world_does_not_know_is_refused(world, name, words):
    with pytest.raises(LewmError, match=words):
        make_policy(world, (name,))


def test_random_actions_fill_the_range_of_the_world():
    world = tiny_world()
    world.action_range = (-3.0, 1.0)
    rngs = [np.random.default_rng(i) for i in range(50)]
    act = RandomPolicy().start(world, rngs, 20)
    actions = np.stack([act(np.zeros((50, 2))) for _ in range(20)])
    assert actions.min() < -2.8
    assert actions.max() == pytest.approx(1.0, abs=0.1)


def test_weak_pushers_head_for_the_block_most_of_the_time():
    rngs = [np.random.default_rng(i) for i in range(200)]
    act = WeakPusher(action_noise=0.0).start(None, rngs, 3)
    states = np.zeros((200, 10))
    states[:, :4] = [100.0, 100.0, 400.0, 300.0]
    actions = act(states)
    assert np.abs(actions).max() <= 1.0
    assert (actions @ [3.0, 2.0] > 0).mean() > 0.95
