"""Two rooms: how the agent moves, what the picture shows, what can be changed."""

import json

import numpy as np
import pytest

from lewm.errors import LewmError
from lewm.worlds.two_room import FACTORS, TwoRoom

SOMETHING_ELSE = {
    "agent.color": (0, 0, 255),
    "agent.radius": 11.0,
    "agent.speed": 3.0,
    "background.color": (240, 230, 200),
    "door.color": (10, 200, 30),
    "door.number": 2,
    "door.position": (120, 180, 49),
    "door.size": (20, 14, 14),
    "rendering.render_target": 1,
    "target.color": (9, 9, 200),
    "target.position": (60.0, 60.0),
    "target.radius": 12.0,
    "wall.axis": 0,
    "wall.border_color": (200, 0, 0),
    "wall.color": (0, 0, 90),
    "wall.thickness": 30,
}
NEEDED_TO_MATTER = {
    "door.number": {"door.position": (49, 150, 49)},
    "target.color": {"rendering.render_target": 1},
    "target.position": {"rendering.render_target": 1},
    "target.radius": {"rendering.render_target": 1},
}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def step(world, state, action):
    return world.step([state], [action])[0].tolist()


def test_a_free_agent_moves_by_speed_times_action_cut_to_one():
    assert step(TwoRoom(), (60.0, 100.0), (0.5, -3.0)) == [62.5, 95.0]


@pytest.mark.parametrize(("start", "push", "end"), [(95.0, 1.0, 99.5), (130.0, -1.0, 124.5)])
def test_the_wall_puts_the_agent_back_half_a_pixel_before_it(start, push, end):
    world = TwoRoom(factors={"agent.speed": 10.5})
    assert step(world, (start, 150.0), (push, 0.0)) == [end, 150.0]


def test_the_door_lets_the_agent_through_and_its_margin_counts():
    for y, passes in ((49.0, True), (64.7, True), (64.8, False), (33.2, False)):
        assert (step(TwoRoom(), (99.0, y), (1.0, 0.0))[0] == 104.0) is passes


def test_an_agent_in_the_middle_of_the_doorway_is_put_back_to_the_far_side():
    fast = TwoRoom(factors={"agent.speed": 10.5})
    assert step(fast, (111.9, 60.0), (0.0, 1.0)) == [99.5, 70.5]
    assert step(fast, (112.0, 60.0), (0.0, 1.0)) == [124.5, 70.5]


def test_the_border_stops_the_agent_at_its_radius():
    world = TwoRoom(factors={"agent.radius": 14.0})
    assert step(world, (30.0, 195.0), (-1.0, 1.0)) == [28.0, 196.0]


@pytest.mark.parametrize("factors", [{}, {"wall.axis": 0, "door.number": 3, "wall.thickness": 41}])
def test_a_batch_moves_and_looks_as_each_of_its_members_alone(rng, factors):
    world = TwoRoom(size_px=48, factors=factors)
    states = rng.uniform(14, 210, (40, 2))
    actions = rng.uniform(-1.5, 1.5, (40, 2))
    before = states.copy()

    together = world.step(states, actions)
    alone = [world.step(s[None], a[None])[0] for s, a in zip(states, actions, strict=True)]
    frames = [world.render(s[None])[0] for s in states]

    assert np.array_equal(together, alone)
    assert np.array_equal(world.render(states), frames)
    assert np.array_equal(states, before)


def test_a_horizontal_wall_is_the_same_world_with_x_and_y_exchanged(rng):
    upright, lying = TwoRoom(size_px=64), TwoRoom(size_px=64, factors={"wall.axis": 0})
    states, actions = rng.uniform(21, 203, (60, 2)), rng.uniform(-1, 1, (60, 2))

    moved = lying.step(states[:, ::-1], actions[:, ::-1])[:, ::-1]
    assert np.array_equal(moved, upright.step(states, actions))
    turned = lying.render(states[:, ::-1]).swapaxes(1, 2)
    assert np.abs(turned.astype(int) - upright.render(states)).max() <= 1


@pytest.mark.parametrize("factors", [{}, {"wall.axis": 0, "wall.thickness": 41}, SOMETHING_ELSE])
def test_sampled_states_lie_free_in_both_rooms(rng, factors):
    world = TwoRoom(factors=factors)
    states = world.sample_states(rng, 400)

    assert np.array_equal(world.step(states, np.zeros_like(states)), states)
    low, high = world.wall_range
    across = states[:, world.wall_coordinate]
    assert ((across <= low) | (across >= high)).all()
    assert 0.4 < (across < 112).mean() < 0.6


def test_sampling_is_seeded_and_more_samples_begin_with_the_fewer():
    few = TwoRoom().sample_states(np.random.default_rng(7), 3)
    many = TwoRoom().sample_states(np.random.default_rng(7), 9)
    assert np.array_equal(few, many[:3])


def test_solved_means_closer_than_sixteen_pixels():
    goals = np.array([[50.0, 50.0], [50.0, 50.0]])
    states = goals + np.array([[0.0, 15.99], [16.0, 0.0]])
    assert TwoRoom().distance(states, goals) == pytest.approx([15.99, 16.0])
    assert TwoRoom().solved(states, goals).tolist() == [True, False]


def test_the_picture_shows_agent_wall_door_border_and_background():
    frame = TwoRoom().render([[60.0, 150.0]])[0]
    at = {"agent": (150, 60), "wall": (150, 112), "door": (49, 112), "border": (12, 40)}
    seen = {name: frame[pixel].tolist() for name, pixel in at.items()}
    assert seen["agent"] == [255, 0, 0]
    assert seen["wall"] == seen["border"] == [0, 0, 0]
    assert seen["door"] == frame[100, 180].tolist() == [255, 255, 255]


@pytest.mark.parametrize("size_px", [32, 64, 112])
def test_a_smaller_picture_is_the_large_one_averaged(rng, size_px):
    states = TwoRoom().sample_states(rng, 6)
    large = TwoRoom().render(states).astype(float)
    shrink = np.eye(224).repeat(size_px, axis=0).reshape(size_px, 224, 224).mean(axis=1)
    averaged = np.einsum("ia,najc,bj->nibc", shrink, large, shrink, optimize=True)

    difference = np.abs(TwoRoom(size_px=size_px).render(states) - averaged)

    assert difference.mean() < 0.5
    assert difference.max() < 26  # a dot's peak is evaluated, not averaged


@pytest.mark.parametrize("name", FACTORS)
def test_a_factor_changes_what_its_role_says(rng, name):
    plain = TwoRoom(size_px=112, factors=NEEDED_TO_MATTER.get(name, {}))
    changed = plain.with_factors({name: SOMETHING_ELSE[name]})
    states, actions = rng.uniform(22, 202, (500, 2)), rng.uniform(-1, 1, (500, 2))

    moves_differ = not np.array_equal(changed.step(states, actions), plain.step(states, actions))
    looks_differ = not np.array_equal(changed.render(states[:2]), plain.render(states[:2]))

    assert moves_differ is (FACTORS[name].role == "dynamics")
    assert looks_differ is (name != "agent.speed")


def test_looks_given_per_environment_are_those_of_each_world_alone(rng):
    world = TwoRoom(size_px=40, factors={"rendering.render_target": 1})
    states = world.sample_states(rng, 5)
    looks = {
        "background.color": rng.integers(0, 256, (5, 3)),
        "agent.color": rng.integers(0, 256, (5, 3)),
        "target.radius": rng.uniform(7, 14, 5),
        "target.position": rng.uniform(30, 190, (5, 2)),
        "wall.color": (3, 4, 5),
    }
    before = dict(world.factors)

    together = world.render(states, looks)

    for i in range(5):
        one = {k: v if k == "wall.color" else v[i] for k, v in looks.items()}
        alone = world.with_factors(one).render(states[i : i + 1])[0]
        assert np.array_equal(together[i], alone)
    assert world.factors == before


def test_the_scope_is_plain_json_and_lists_what_is_off_default():
    world = TwoRoom(size_px=64, factors={"agent.color": np.array([1, 2, 3], np.uint8)})
    scope = {"world": "two-room", "size_px": 64, "factors": {"agent.color": [1, 2, 3]}}
    assert json.loads(json.dumps(world.scope())) == scope
    back = world.with_factors({"agent.color": FACTORS["agent.color"].default})
    assert back.scope()["factors"] == {}


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        ({"agent.sped": 5.0}, ["'agent.sped'", "agent.speed"]),
        ({"agent.speed": 11.0}, ["11.0", "10.5"]),
        ({"agent.speed": float("nan")}, ["nan", "10.5"]),
        ({"agent.speed": "fast"}, ["'fast'", "number"]),
        ({"agent.speed": True}, ["True", "number"]),
        ({"agent.color": (1, 2)}, ["(1, 2)", "3 whole numbers"]),
        ({"agent.color": (1, 2, 256)}, ["256", "255"]),
        ({"agent.color": (0.5, 0.5, 0.5)}, ["0.5", "whole"]),
        ({"agent.color": ((1, 2), 3, 4)}, ["3 whole numbers"]),
        ({"door.number": 4}, ["4", "3"]),
        ({"wall.thickness": 10.5}, ["10.5", "whole"]),
    ],
)
def test_a_wrong_factor_is_refused_with_both_values(factors, words):
    with pytest.raises(LewmError) as refused:
        TwoRoom(factors=factors)
    assert all(word in str(refused.value) for word in [*words, "\n  Next: "])


@pytest.mark.parametrize("size_px", [7, 225, 64.0, True])
def test_a_picture_size_that_cannot_be_drawn_is_refused(size_px):
    with pytest.raises(LewmError, match=str(size_px)):
        TwoRoom(size_px=size_px)


@pytest.mark.parametrize(
    ("looks", "words"),
    [
        ({"agent.speed": 5.0}, "dynamics"),
        ({"agent.color": [(1, 2, 3)] * 3}, r"\(3, 3\) for 2 environments"),
        ({"agent.color": [(1, 2, 3), (1, 2, 300)]}, "300"),
        ({"sky.color": (1, 2, 3)}, "'sky.color'"),
    ],
)
def test_a_look_that_cannot_be_drawn_is_refused(looks, words):
    with pytest.raises(LewmError, match=words):
        TwoRoom(size_px=32).render(np.full((2, 2), 60.0), looks)


@pytest.mark.parametrize("states", [[1.0, 2.0], [[1.0, 2.0, 3.0]], [[1.0, np.nan]]])
def test_states_of_another_shape_or_not_finite_are_refused(states):
    for use in (TwoRoom().render, lambda s: TwoRoom().step(s, [[0.0, 0.0]])):
        with pytest.raises(ValueError, match="states"):
            use(states)
