"""Collection: seeded per episode, exact, and worth learning from."""

import numpy as np
import pytest

from lewm.collection.collect import collect, walk
from lewm.collection.policies import Mixture, NoisyExpert, RandomPolicy
from lewm.data.episodes import Episodes
from lewm.errors import LewmError
from lewm.worlds.two_room import TwoRoom

WORLD = TwoRoom(size_px=16)


@pytest.mark.parametrize("policy", [NoisyExpert(repeat_probability=0.3), RandomPolicy()])
def test_an_episode_does_not_depend_on_how_many_are_collected(policy):
    how = {"length_env_steps": 20, "seed": 4}
    many = collect(WORLD, policy, num_episodes=6, **how)
    alone = collect(WORLD, policy, num_episodes=1, first_episode=5, **how)
    again = collect(WORLD, policy, num_episodes=6, **how)

    for name in ("frames", "actions", "states"):
        assert np.array_equal(getattr(many, name)[5:], getattr(alone, name))
        assert np.array_equal(getattr(many, name), getattr(again, name))


def test_other_seeds_and_other_numbers_give_other_episodes():
    found = [
        collect(WORLD, RandomPolicy(), num_episodes=2, length_env_steps=3, seed=seed).states[:, 0]
        for seed in (0, 1, 2**40)
    ]
    assert len(np.unique(np.concatenate(found), axis=0)) == 6


def test_actions_replay_to_the_very_states_and_frames():
    kept = collect(WORLD, NoisyExpert(), num_episodes=3, length_env_steps=30, seed=0)
    state = kept.states[:, 0]
    for t in range(30):
        assert np.array_equal(kept.frames[:, t], WORLD.render(state))
        state = WORLD.step(state, kept.actions[:, t])
        assert np.array_equal(state, kept.states[:, t + 1])


def test_a_steady_expert_reaches_its_goals_through_any_door():
    for factors in (
        {},
        {"agent.radius": 14.0},
        {"wall.axis": 0, "wall.thickness": 41},
        {"door.number": 3, "door.position": (30, 120, 190), "door.size": (2, 5, 9)},
    ):
        world = TwoRoom(factors=factors)
        how = {"episodes": range(60), "length_env_steps": 200, "seed": 1}
        states, _ = walk(world, NoisyExpert(action_noise=0.0), **how)
        sides = states[:, :, world.wall_coordinate] > 112
        assert (np.diff(sides, axis=1).sum(axis=1) >= 1).all()
        # Never stuck: in any 40 env steps it gets somewhere.
        spread = np.ptp(states.reshape(60, -1, 2)[:, :200].reshape(60, 5, 40, 2), axis=2)
        assert (spread.max(axis=-1) > 40).all()


def test_noise_is_as_large_as_asked_and_actions_stay_in_the_box():
    how = {"episodes": range(50), "length_env_steps": 50, "seed": 2}
    _, steady = walk(WORLD, NoisyExpert(action_noise=0.0), **how)
    _, noisy = walk(WORLD, NoisyExpert(action_noise=2.0), **how)
    assert np.sqrt((steady**2).sum(axis=-1)) == pytest.approx(1.0, abs=1e-6)
    assert np.abs(noisy).max() == 1.0
    assert (np.abs(noisy) == 1.0).mean() > 0.5


def test_actions_repeat_as_often_as_asked():
    how = {"episodes": range(40), "length_env_steps": 100, "seed": 3}
    _, actions = walk(WORLD, NoisyExpert(repeat_probability=0.25), **how)
    repeats = (actions[:, 1:] == actions[:, :-1]).all(axis=-1).mean()
    assert repeats == pytest.approx(0.25, abs=0.04)  # 3960 draws; clipping adds a few


def test_random_actions_fill_the_box_evenly():
    how = {"episodes": range(40), "length_env_steps": 100, "seed": 3}
    _, actions = walk(WORLD, RandomPolicy(), **how)
    assert actions.std() == pytest.approx(1 / np.sqrt(3), abs=0.01)
    assert np.abs(actions.mean(axis=(0, 1))).max() < 0.04


def test_policies_say_what_they_are():
    assert RandomPolicy().settings() == {"policy": "random"}
    assert NoisyExpert().settings() == {
        "policy": "noisy_expert",
        "action_noise": 0.5,
        "repeat_probability": 0.0,
    }


@pytest.mark.parametrize("settings", [{"action_noise": -1.0}, {"repeat_probability": 1.5}])
def test_an_expert_that_means_nothing_is_refused(settings):
    (value,) = settings.values()
    with pytest.raises(LewmError, match=f"{value}, its range is 0"):
        NoisyExpert(**settings)


@pytest.mark.parametrize(
    "wrong", [{"num_episodes": 0}, {"length_env_steps": 0}, {"seed": -1}], ids=str
)
def test_a_collection_of_nothing_is_refused(wrong):
    how = {"num_episodes": 1, "length_env_steps": 1, "seed": 0, **wrong}
    (name, value), *_ = wrong.items()
    with pytest.raises(LewmError, match=f"{name} is {value}, the least is"):
        collect(WORLD, RandomPolicy(), **how)


def test_arrays_that_do_not_fit_are_no_episodes():
    good = collect(WORLD, RandomPolicy(), num_episodes=2, length_env_steps=3, seed=0)
    frames, actions, states = good.frames, good.actions, good.states
    for wrong, words in (
        (
            (frames[:, 1:], actions, states),
            r"frames have shape \(2, 3, 16, 16, 3\), expected \(2, 4",
        ),
        ((frames, actions, states[:1]), r"states have shape \(1, 4, 2\), expected \(2, 4"),
        ((frames, actions.astype(float), states), "actions have dtype float64"),
        ((frames[:0], actions[:0], states[:0]), "0 episodes of 3 env steps"),
    ):
        with pytest.raises(LewmError, match=words):
            Episodes(*wrong)


def test_episodes_can_be_taken_by_slice_and_by_number():
    some = collect(WORLD, RandomPolicy(), num_episodes=4, length_env_steps=3, seed=0)
    assert (some.num_episodes, some.length_env_steps) == (4, 3)
    assert np.array_equal(some.take([3, 1]).states, some.states[[3, 1]])
    assert np.array_equal(some.take(slice(2)).frames, some.frames[:2])


def test_a_mixture_gives_every_episode_one_policy_whoever_else_is_collected():
    world = TwoRoom(size_px=16)
    mixture = Mixture((NoisyExpert(), RandomPolicy()))

    together, _ = walk(world, mixture, episodes=range(20), length_env_steps=10, seed=0)
    alone = [walk(world, mixture, episodes=[e], length_env_steps=10, seed=0)[0] for e in range(20)]

    assert np.array_equal(together, np.concatenate(alone))
    paces = np.linalg.norm(np.diff(together, axis=1), axis=2).std(axis=1)
    assert paces.min() < paces.max() / 2  # random actions are unsteady, the expert is not
