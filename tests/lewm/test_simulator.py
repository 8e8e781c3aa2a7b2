"""Any gymnasium environment as a function of its state."""

import gymnasium
import numpy as np
import pytest

import lewm.worlds.two_room_gym  # noqa: F401  registers it
from lewm.collection.collect import collect
from lewm.collection.policies import RandomPolicy
from lewm.errors import LewmError
from lewm.worlds import make_world, register_world, world_names
from lewm.worlds.simulator import SIMULATOR_STATE, Hooks, Simulator
from lewm.worlds.two_room import TwoRoom
from tests.lewm.tiny_env import SIZE_PX, TinyEnv, TinyHooks, tiny_world

STATES = np.array([[3.0, 0.0], [9.0, -1.0], [14.5, 2.0]])
ACTIONS = np.array([[1.0], [0.25], [1.0]])
GYM = {"world": "gym:tests/Tiny-v0", "size_px": SIZE_PX, "factors": {}}


def test_a_step_is_a_function_of_state_and_action_whatever_came_before():
    world = tiny_world()
    together = world.step(STATES, ACTIONS)

    assert np.array_equal(together, [[4.0, 1.0], [8.75, -0.25], [15.0, 2.0]])
    for row in (2, 0, 1):
        world.render(STATES[[1]])
        alone = world.step(STATES[[row]], ACTIONS[[row]])
        assert np.array_equal(alone, together[[row]])


def test_an_episode_carries_on_without_being_put_back_into_its_state():
    made = []
    world = Simulator("tiny", lambda: made.append(TinyEnv()) or made[-1], TinyHooks(), size_px=16)
    (env,) = made

    state = STATES[:1]
    for _ in range(5):
        state = world.step(state, ACTIONS[:1])
    assert env.num_restores == 1

    world.step(STATES[1:2], ACTIONS[:1])
    world.step(state, ACTIONS[:1])
    assert env.num_restores == 3


def test_an_environment_that_cannot_be_restored_exactly_is_restored_at_every_step():
    class Inexact(TinyHooks):
        restores_exactly = False

    env = TinyEnv()
    world = Simulator("tiny", lambda: env, Inexact(), size_px=16)
    state = STATES[:1]
    for _ in range(5):
        state = world.step(state, ACTIONS[:1])
    assert env.num_restores == 5


def test_gymnasium_wrappers_such_as_a_time_limit_play_no_part():
    world = make_world({**GYM, "world": "gym:tests/Short-v0"})
    state = world.sample_states(np.random.default_rng(0), 1)
    for _ in range(5):
        state = world.step(state, [[0.1]])
    assert np.isfinite(state).all()


def test_sampled_states_depend_on_the_generator_alone():
    world = make_world(GYM)
    first = world.sample_states(np.random.default_rng(3), 4)
    world.step(first, np.ones((4, 1)))
    assert np.array_equal(world.sample_states(np.random.default_rng(3), 4), first)
    assert len(np.unique(first[:, 0])) == 4


def test_success_and_distance_are_those_of_the_environment():
    world = make_world(GYM)
    goals = np.array([[3.4, 0.0], [9.5, 0.0], [14.0, 0.0]])
    assert world.solved(STATES, goals).tolist() == [True, False, False]
    assert world.distance(STATES, goals) == pytest.approx([0.4, 0.5, 0.5])
    assert world.success_rule == "tiny/0.5"


def test_a_step_towards_a_goal_says_what_the_environment_says():
    world = make_world(GYM)
    after, arrived = world.step_towards(STATES, ACTIONS, [[4.0, 0.0], [0.0, 0.0], [14.9, 0.0]])
    assert np.array_equal(after, world.step(STATES, ACTIONS))
    assert arrived.tolist() == [True, False, True]


def test_frames_are_the_environments_own_at_its_size_and_resized_at_another():
    world, small = tiny_world(), tiny_world(size_px=8)
    env = TinyEnv()
    for state, frame, shrunk in zip(
        STATES, world.render(STATES), small.render(STATES), strict=True
    ):
        env.set_state(state)
        assert np.array_equal(frame, env.render())
        assert shrunk.shape == (8, 8, 3)
        assert abs(float(shrunk.mean()) - float(frame.mean())) < 2.0  # area is kept


def test_factors_change_what_they_say_and_nothing_else():
    plain = tiny_world()
    strong = plain.with_factors({"dot.push": 2.0})
    assert np.array_equal(strong.step(STATES[:1], ACTIONS[:1]), [[5.0, 2.0]])
    assert np.array_equal(strong.render(STATES), plain.render(STATES))
    assert strong.scope() == {"world": "tiny", "size_px": 16, "factors": {"dot.push": 2.0}}
    assert plain.scope()["factors"] == {}

    colors = [[0, 255, 0], [0, 0, 255], [255, 255, 0]]
    frames = plain.render(STATES, {"dot.color": colors})
    assert [frame.reshape(-1, 3).max(axis=0).tolist() for frame in frames] == colors
    again = plain.render(STATES)
    assert np.array_equal(again, strong.render(STATES))
    assert plain.factors["dot.color"] == (255, 0, 0)


def test_other_looks_come_from_a_second_environment_that_starts_afresh_only_for_another_look():
    made = []
    world = Simulator("tiny", lambda: made.append(TinyEnv()) or made[-1], TinyHooks(), size_px=16)
    begun = made[0].num_resets
    for color in ([0, 255, 0], [0, 255, 0], [0, 0, 255]):
        assert (
            world.render(STATES, {"dot.color": color}).reshape(-1, 3).max(axis=0).tolist() == color
        )
    assert [env.num_resets for env in made] == [begun, begun + 2]


def test_what_an_environment_says_about_lengths_and_free_places_is_passed_on(monkeypatch):
    assert (make_world(GYM).units_per_px, make_world(GYM).length_unit) == (None, "world")
    assert make_world(GYM).is_free([[3.0, 0.0], [3.0, 1.0]]).tolist() == [True, False]

    monkeypatch.setattr(TinyEnv, "units_per_px", 0.1, raising=False)
    monkeypatch.setattr(TinyEnv, "is_free", lambda env, state: state[0] > 5, raising=False)
    world = make_world(GYM)
    assert world.units_per_px == 0.1
    assert world.is_free([[3.0, 0.0], [9.0, 1.0]]).tolist() == [False, True]


def test_an_environment_without_a_success_rule_is_named(monkeypatch):
    monkeypatch.delattr(TinyEnv, "solved")
    with pytest.raises(LewmError, match=r"TinyEnv has no solved\(state, goal\)"):
        make_world(GYM).solved(STATES, STATES)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"dot.push": 3.0}, r"dot.push is 3.0, its range is 0.5 to 2.0"),
        ({"dot.size": 1.0}, r"no factor is called 'dot.size'; there are dot.color, dot.push"),
    ],
)
def test_a_factor_that_cannot_be_is_refused(wrong, words):
    with pytest.raises(LewmError, match=words):
        tiny_world(factors=wrong)
    with pytest.raises(LewmError, match=words):
        tiny_world().with_factors(wrong)


def test_render_refuses_to_change_dynamics():
    with pytest.raises(LewmError, match=r"dot\.push is a dynamics factor"):
        tiny_world().render(STATES, {"dot.push": 1.5})


@pytest.mark.parametrize("size", [4, 2000, True, 16.0])
def test_a_size_that_cannot_be_is_refused(size):
    with pytest.raises(LewmError, match="size_px is"):
        tiny_world(size_px=size)


@pytest.mark.parametrize(
    ("states", "actions", "words"),
    [
        (STATES[0], ACTIONS, r"states have shape \(2,\), expected \(N, 2\)"),
        (STATES, ACTIONS[:, [0, 0]], r"actions have shape \(3, 2\), expected \(N, 1\)"),
        (STATES * np.nan, ACTIONS, "states hold a number that is not finite"),
    ],
)
def test_arrays_that_are_no_states_or_actions_are_refused(states, actions, words):
    with pytest.raises(ValueError, match=words):
        tiny_world().step(states, actions)


def test_states_are_made_of_recorded_columns():
    world = tiny_world()
    columns = {"place": STATES[:, :1], "velocity": STATES[:, 1:]}
    assert np.array_equal(world.states_from(columns), STATES)
    kept = world.columns(STATES)
    assert np.array_equal(world.states_from(kept), STATES)
    assert np.array_equal(kept[SIMULATOR_STATE], STATES)
    with pytest.raises(LewmError, match="made of the columns place, velocity; velocity is not"):
        world.states_from({"place": STATES[:, :1]})
    with pytest.raises(LewmError, match=r"shape \(3, 3\), a state of tiny has width 2"):
        world.states_from({"place": STATES, "velocity": STATES[:, 1:]})


def test_hooks_that_say_no_success_rule_or_goal_are_refused_only_when_asked():
    world = tiny_world()
    with pytest.raises(LewmError, match="TinyHooks says no success rule"):
        world.solved(STATES, STATES)
    with pytest.raises(LewmError, match="TinyHooks says no way to give the environment a goal"):
        world.step_towards(STATES, ACTIONS, STATES)


def test_our_own_gymnasium_environment_is_our_world_again():
    ours = TwoRoom(size_px=224)
    through = make_world({"world": "gym:lewm/TwoRoom-v0", "size_px": 224, "factors": {}})
    states = ours.sample_states(np.random.default_rng(0), 20)
    actions = np.random.default_rng(1).uniform(-1.0, 1.0, (20, 2)).astype(np.float32)
    assert np.array_equal(through.step(states, actions), ours.step(states, actions))
    assert np.array_equal(through.render(states[:2]), ours.render(states[:2]))


def test_a_simulator_is_collected_in_like_any_world():
    kept = collect(make_world(GYM), RandomPolicy(), num_episodes=2, length_env_steps=5, seed=0)
    assert kept.frames.shape == (2, 6, SIZE_PX, SIZE_PX, 3)
    state = kept.states[:, 0]
    for time in range(5):
        state = make_world(GYM).step(state, kept.actions[:, time].astype(np.float64))
        assert np.array_equal(state, kept.states[:, time + 1])


def test_a_world_can_be_registered_once():
    name = "tests/registered"
    register_world(name, tiny_world)
    assert name in world_names()
    assert make_world({"world": name, "size_px": 16, "factors": {}}).state_width == 2
    for taken in (name, "two-room", "swm/pusht", "gym:anything"):
        with pytest.raises(LewmError, match="there is a world"):
            register_world(taken, tiny_world)


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ({"world": "pendulum"}, "there is no world 'pendulum'; there are two-room, swm/two-room"),
        ({"world": ["swm"]}, r"there is no world \['swm'\]"),
        ({"world": "swm/pusht", "size_px": 64}, "the scope of the world swm/pusht lacks factors"),
        ({**GYM, "world": "gym:tests/None-v0"}, "gymnasium cannot make tests/None-v0"),
        ({**GYM, "world": "gym:no_such_module:A-v0"}, "no_such_module, which is not allowed"),
        (
            {**GYM, "world": "gym:Pendulum-v1"},
            "gymnasium cannot make|PendulumEnv has no get_state and no set_state",
        ),
    ],
)
def test_a_world_that_cannot_be_made_is_refused(scope, words):
    with pytest.raises(LewmError, match=words):
        make_world(scope)


def test_a_scope_imports_no_module_that_nobody_allowed(tmp_path, monkeypatch):
    (tmp_path / "from_a_checkpoint.py").write_text("raise ImportError('it ran')\n")
    monkeypatch.syspath_prepend(tmp_path)
    scope = {**GYM, "world": "gym:from_a_checkpoint:A-v0"}
    with pytest.raises(LewmError, match="set LEWM_GYM_MODULES=from_a_checkpoint"):
        make_world(scope)
    monkeypatch.setenv("LEWM_GYM_MODULES", "other,from_a_checkpoint")
    with pytest.raises(LewmError, match="it ran"):
        make_world(scope)


def test_a_world_of_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.delitem(__import__("sys").modules, "stable_worldmodel", raising=False)
    with pytest.raises(LewmError, match=r"need stable_worldmodel, which is not(.|\n)*\[swm\]"):
        make_world({"world": "swm/pusht", "size_px": 64, "factors": {}})


def test_actions_that_are_not_a_box_are_refused():
    class Discrete(TinyEnv):
        def __init__(self) -> None:
            super().__init__()
            self.action_space = gymnasium.spaces.Discrete(2)

    with pytest.raises(LewmError, match=r"actions of tiny are Discrete\(2\), expected a box"):
        Simulator("tiny", Discrete, TinyHooks())


def test_an_environment_that_draws_nothing_is_refused():
    class Blind(TinyEnv):
        def render(self) -> np.ndarray:
            return np.zeros((16, 16))

    world = Simulator("tiny", Blind, TinyHooks(), size_px=16)
    with pytest.raises(LewmError, match=r"drew dtype float64 and shape \(16, 16\)"):
        world.render(STATES)


def test_two_hooks_are_enough():
    class Least(Hooks):
        def get_state(self, env):
            return env.get_state()

        def set_state(self, env, state):
            env.set_state(state)

    world = Simulator("least", TinyEnv, Least(), size_px=16)
    assert world.step(STATES, ACTIONS).shape == (3, 2)
    assert world.sample_states(np.random.default_rng(0), 2).shape == (2, 2)
