"""The two-room world as gymnasium sees it."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from lewm.errors import LewmError
from lewm.worlds.two_room import TwoRoom
from lewm.worlds.two_room_gym import ENV_ID


def make(**options):
    return gymnasium.make(ENV_ID, size_px=32, **options).unwrapped


def make_batch(num_envs, **options):
    how = {"vectorization_mode": "vector_entry_point", "size_px": 32}
    return gymnasium.make_vec(ENV_ID, num_envs=num_envs, **how, **options)


def test_gymnasium_finds_nothing_wrong_with_the_environment():
    check_env(make(render_mode="rgb_array"))


def test_a_step_is_the_world_s_step_and_arrival_ends_the_episode():
    env, world = make(), TwoRoom(size_px=32)
    env.reset(seed=0, options={"state": (60.0, 100.0), "goal_state": (60.0, 124.0)})
    action = np.array([0.25, 1.0], dtype=np.float32)

    frame, reward, terminated, truncated, info = env.step(action)
    assert np.array_equal(info["state"], world.step([[60.0, 100.0]], [action])[0])
    assert np.array_equal(frame, world.render([info["state"]])[0])
    assert (reward, terminated, truncated) == (0.0, False, False)

    _, reward, terminated, _, info = env.step(action)
    assert info["distance_px"] < 16
    assert (reward, terminated) == (1.0, True)


def test_setting_the_state_clones_an_environment():
    first, second = make(), make()
    first.reset(seed=1)
    second.reset(seed=2)
    second.set_state(first.get_state())
    second.set_goal(first.reset(seed=1)[1]["goal_state"])
    action = np.array([1.0, -1.0], dtype=np.float32)

    found, expected = second.step(action), first.step(action)

    assert np.array_equal(found[0], expected[0])
    assert found[1:4] == expected[1:4]
    assert np.array_equal(second.goal_frame(), first.goal_frame())


def test_factors_given_at_reset_hold_until_the_next_reset():
    env = make(render_mode="rgb_array")
    options = {"state": (60.0, 100.0), "goal_state": (160.0, 100.0)}
    env.reset(seed=0, options={**options, "variation_values": {"agent.speed": 10.0}})
    assert env.step(np.array([1, 0], np.float32))[4]["state"].tolist() == [70.0, 100.0]

    env.reset(seed=0, options=options)
    assert env.step(np.array([1, 0], np.float32))[4]["state"].tolist() == [65.0, 100.0]


def test_a_drawn_target_is_drawn_at_the_goal():
    env = make(factors={"rendering.render_target": 1}, render_mode="rgb_array")
    env.reset(options={"state": (60.0, 112.0), "goal_state": (164.0, 171.0)})
    assert env.render()[24, 23].argmax() == 1  # green, at the goal in 32 pixels


def test_a_batch_does_what_single_environments_do_and_starts_anew_after_the_end():
    goals = np.array([[60.0, 104.0], [160.0, 170.0]])
    starts = np.array([[60.0, 70.0], [150.0, 100.0]])
    batch, singles = make_batch(2), [make(), make()]
    batch.reset(seed=5, options={"state": starts, "goal_state": goals})
    for i, env in enumerate(singles):
        env.reset(seed=5 + i, options={"state": starts[i], "goal_state": goals[i]})
    actions = np.array([[0.0, 1.0], [0.5, 0.5]], dtype=np.float32)

    terminated = [False, False]
    for _ in range(6):
        expected = [
            env.reset() if ended else env.step(action)
            for env, ended, action in zip(singles, terminated, actions, strict=True)
        ]
        frames, rewards, terminated, truncated, info = batch.step(actions)
        assert np.array_equal(frames, [found[0] for found in expected])
        assert np.array_equal(info["state"], [found[-1]["state"] for found in expected])
        assert rewards.tolist() == [float(one) for one in terminated]
        assert not truncated.any()
    assert batch.get_state()[0].tolist() != starts[0].tolist()  # it arrived and began anew


def test_a_batch_cuts_episodes_at_the_step_limit():
    batch = make_batch(3, max_episode_steps=4)
    batch.reset(seed=0, options={"state": (50.0, 190.0), "goal_state": (170.0, 190.0)})
    still = np.zeros((3, 2), dtype=np.float32)
    truncated = [bool(batch.step(still)[3].all()) for _ in range(9)]
    assert truncated == [i in (3, 8) for i in range(9)]  # the 5th step only begins anew


def test_a_batch_keeps_states_goals_and_frames_per_environment():
    batch = make_batch(2, render_mode="rgb_array")
    batch.reset(seed=[3, None])
    batch.set_state([[50.0, 50.0], [60.0, 60.0]])
    batch.set_goal((70.0, 60.0))
    world = TwoRoom(size_px=32)
    assert np.array_equal(np.array(batch.render()), world.render([[50.0, 50.0], [60.0, 60.0]]))
    assert np.array_equal(batch.goal_frames(), world.render([[70.0, 60.0]] * 2))
    assert batch.step(np.zeros((2, 2), np.float32))[2].tolist() == [False, True]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sate": (60.0, 60.0)}, "'sate'; it has goal_state, state"),
        ({"state": (60.0, 300.0)}, "300.0.*209"),
        ({"goal_state": (60.0,)}, r"\(1,\)"),
        ({"variation_values": {"agent.speed": 99.0}}, "99.0.*10.5"),
    ],
)
def test_wrong_options_are_refused(options, words):
    for env in (make(), make_batch(2)):
        with pytest.raises(LewmError, match=words):
            env.reset(options=options)


def test_another_number_of_seeds_and_a_window_are_refused():
    with pytest.raises(LewmError, match="3 seeds for 2"):
        make_batch(2).reset(seed=[1, 2, 3])
    with pytest.raises(LewmError, match="'human'"):
        make_batch(2, render_mode="human")
