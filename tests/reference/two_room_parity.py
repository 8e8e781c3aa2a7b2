"""Our two-room world beside the one of stable-worldmodel, step for step and pixel for pixel.

tests/lewm/test_two_room_parity.py runs this file where the reference is installed; elsewhere
test_two_room_recorded.py compares with what it did. `python -m tests.reference.two_room_parity
record` records that again. Version 0.1.1 and commit addbab4 hold the same environment.

Measured there: states differ by less than 1e-5 pixels; frames by at most one grey level, in
at most 0.13 % of the values. Those lie where dot and background share a level, such as the red
of a red dot on white: the reference cuts 255 * (1 - a) + 255 * a to 254 or 255 by the last bit
of its exponential. With colours that share no level all frames are equal.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lewm.worlds.swm_package import environment_class
from lewm.worlds.two_room import FACTORS, TwoRoom

FACTOR_SETS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "large_agent": {"agent.radius": 14.0, "door.size": (21, 21, 21)},
    "fast_agent_and_thin_wall": {"agent.speed": 10.5, "wall.thickness": 7},
    "horizontal_thick_wall": {"wall.axis": 0, "wall.thickness": 41, "agent.speed": 10.5},
    "three_doors": {"door.number": 3, "door.position": (30, 111, 205), "door.size": (8, 21, 9)},
    "door_in_the_border": {"door.position": (0, 49, 49), "door.size": (20, 14, 14)},
    "other_colors": {
        "agent.color": (12, 200, 99),
        "background.color": (31, 44, 120),
        "door.color": (200, 180, 7),
        "wall.color": (90, 13, 77),
        "wall.border_color": (90, 13, 77),  # in the reference, wall.color paints the border
    },
    "target_shown": {
        "rendering.render_target": 1,
        "target.color": (0, 0, 250),
        "target.position": (60.25, 150.75),
        "target.radius": 11.5,
    },
}


@pytest.fixture(scope="module")
def reference_class() -> type:
    return load_reference()


def load_reference() -> type:
    """The reference environment's class."""
    found: type = environment_class("envs.two_room.env", "TwoRoomEnv")
    return found


def as_the_reference_wants(name: str, value: Any) -> Any:
    """Colours as uint8, real numbers as float32 arrays, whole numbers as integers."""
    factor = FACTORS[name]
    if name.endswith("color"):
        return np.array(value, dtype=np.uint8)
    if not factor.is_whole:
        return np.atleast_1d(np.array(value, dtype=np.float32))
    return np.array(value, dtype=np.int64) if isinstance(value, tuple) else value


def reference_with(reference_class: type, factors: dict[str, Any]) -> Any:
    env = reference_class()
    env.reset(seed=0, options={"variation": ()})
    for name, value in factors.items():
        group, leaf = name.split(".")
        env.variation_space[group][leaf].set_value(as_the_reference_wants(name, value))
    if "target.position" in factors:
        env._set_goal_state(np.array(factors["target.position"]))
    env._cache_params()
    return env


def reference_step(env: Any, state: np.ndarray, action: np.ndarray) -> np.ndarray:
    env._set_state(state)
    env.step(action)
    return np.asarray(env.agent_position, dtype=np.float32)


def states_everywhere(world: TwoRoom, num: int, seed: int) -> np.ndarray:
    """A third anywhere, a third about the wall, a third about the edges of a door."""
    rng = np.random.default_rng(seed)
    states = rng.uniform(14.0, 209.0, (num, 2))
    near_wall = np.arange(num) % 3 > 0
    states[near_wall, world.wall_coordinate] = rng.uniform(80.0, 144.0, near_wall.sum())
    near_door = np.flatnonzero(np.arange(num) % 3 == 2)
    centers, half_extents = np.array(world.doors).T
    door = rng.integers(len(centers), size=len(near_door))
    edge = centers[door] + rng.choice([-1, 1], len(door)) * half_extents[door]
    states[near_door, 1 - world.wall_coordinate] = edge + rng.uniform(-12, 12, len(door))
    return np.clip(states, 14.0, 209.0).astype(np.float32)


@pytest.mark.parametrize("factors", FACTOR_SETS.values(), ids=FACTOR_SETS.keys())
def test_one_step_from_anywhere_is_the_reference_step(reference_class, factors):
    env, world = reference_with(reference_class, factors), TwoRoom(factors=factors)
    states = states_everywhere(world, 2000, seed=1)
    actions = np.random.default_rng(2).uniform(-1.6, 1.6, states.shape).astype(np.float32)

    expected = np.array([reference_step(env, *pair) for pair in zip(states, actions, strict=True)])

    found = world.step(states, actions)
    touched = np.abs(found - states - np.clip(actions, -1, 1) * world.factors["agent.speed"])
    assert (touched.max(axis=1) > 1e-3).mean() > 0.05  # walls were in play
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("factors", FACTOR_SETS.values(), ids=FACTOR_SETS.keys())
def test_a_walk_of_300_env_steps_stays_with_the_reference(reference_class, factors):
    env, world = reference_with(reference_class, factors), TwoRoom(factors=factors)
    rng = np.random.default_rng(3)
    state = world.sample_states(rng, 1)
    env._set_state(state[0])
    heading = rng.uniform(-1.0, 1.0, (15, 2)).repeat(20, axis=0)
    for action in np.clip(heading + rng.normal(0.0, 0.5, heading.shape), -1, 1):
        env.step(action.astype(np.float32))
        state = world.step(state, action.astype(np.float32)[None])
        np.testing.assert_allclose(state[0], env.agent_position.numpy(), atol=1e-4, rtol=0)


def test_cutting_a_corner_of_the_wall_through_the_door_is_kept(reference_class):
    env = reference_with(reference_class, {"agent.speed": 10.5})
    world = TwoRoom(factors={"agent.speed": 10.5})
    before = np.array([[100.0, 71.0]])  # beside the wall, below the door
    action = np.array([[1.0, -1.0]])

    after = world.step(before, action)

    assert after[0, 0] > 105  # inside the wall's reach, by the end of the move alone
    np.testing.assert_allclose(after[0], reference_step(env, before[0], action[0]), atol=1e-4)


@pytest.mark.parametrize("factors", FACTOR_SETS.values(), ids=FACTOR_SETS.keys())
def test_a_frame_is_the_reference_frame_within_one_grey_level(reference_class, factors):
    env, world = reference_with(reference_class, factors), TwoRoom(factors=factors)
    states = states_everywhere(world, 24, seed=4)

    expected = []
    for state in states:
        env._set_state(state)
        expected.append(env.render())

    difference = np.abs(world.render(states).astype(int) - np.array(expected).astype(int))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 2e-3


def test_success_is_judged_as_in_the_reference(reference_class):
    env, world = reference_with(reference_class, {}), TwoRoom()
    rng = np.random.default_rng(5)
    goals = world.sample_states(rng, 300)
    states = goals + rng.normal(0.0, 12.0, goals.shape)
    expected = []
    for state, goal in zip(states, goals, strict=True):
        env._set_state(state)
        env._set_goal_state(goal)
        expected.append(env.step(np.zeros(2))[2])
        state[:] = env.agent_position.numpy()

    assert world.solved(states, goals).tolist() == expected
    assert 0.2 < np.mean(expected) < 0.8


def record(path: Path) -> None:
    """Keep what the reference does, for machines that do not have it."""
    reference = load_reference()
    kept: dict[str, Any] = {"factor_sets": json.dumps(FACTOR_SETS)}
    for name, factors in FACTOR_SETS.items():
        env, world = reference_with(reference, factors), TwoRoom(factors=factors)
        states = states_everywhere(world, 90, seed=6)
        actions = np.random.default_rng(7).uniform(-1.6, 1.6, states.shape).astype(np.float32)
        pairs = zip(states, actions, strict=True)
        kept[f"{name}.next"] = np.array([reference_step(env, *pair) for pair in pairs])
        kept[f"{name}.states"], kept[f"{name}.actions"] = states, actions
        frames = []
        for state in states[:2]:
            env._set_state(state)
            frames.append(env.render())
        kept[f"{name}.frames"] = np.array(frames)
    np.savez_compressed(path, **kept)


if __name__ == "__main__":
    if sys.argv[1:] == ["record"]:
        record(Path(__file__).parents[1] / "lewm" / "two_room_recorded.npz")
        sys.exit(0)
    sys.exit(pytest.main([__file__, "-q", "-p", "no:cacheprovider"]))
