"""Success rules: known distances, just inside and just outside of every bound."""

from types import SimpleNamespace

import numpy as np
import pytest

from lewm.evaluation.success import rule_of
from lewm.worlds.two_room import TwoRoom

CUBE_AT = 14


def world(name: str) -> SimpleNamespace:
    return SimpleNamespace(
        name=name,
        success_rule=f"{name}/own",
        solved=lambda states, goals: np.zeros(len(states), dtype=bool),
        position_columns=(CUBE_AT, CUBE_AT + 1),
    )


def meets(name: str, level: str, state: list[float], goal: list[float]) -> bool:
    rule = rule_of(world(name), level)
    return bool(rule.met(np.array([state], dtype=float), np.array([goal], dtype=float))[0])


def pusht(agent_x: float = 0.0, block_x: float = 0.0, degrees: float = 0.0) -> list[float]:
    return [100 + agent_x, 100, 200 + block_x, 200, np.radians(degrees), 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("name", "level", "hold", "rule"),
    [
        ("two-room", "moderate", 1, "two-room/16px"),
        ("swm/two-room", "strict", 1, "two-room/8px"),
        ("swm/pusht", "moderate", 1, "pusht/20px-20deg"),
        ("swm/pusht", "strict", 3, "pusht/block-10px-10deg-hold3"),
        ("swm/reacher", "moderate", 1, "reacher/0.05rad-periodic-shoulder"),
        ("swm/reacher", "strict", 2, "reacher/fingertip-10mm-hold2"),
        ("swm/cube", "moderate", 1, "cube/40mm"),
        ("swm/cube", "strict", 3, "cube/30mm-15deg-hold3"),
    ],
)
def test_the_audited_rules_are_named_and_held_as_documented(name, level, hold, rule):
    found = rule_of(world(name), level)
    assert (found.name, found.hold_env_steps, found.is_documented) == (rule, hold, True)


def test_a_world_without_documented_rules_keeps_its_own_and_strict_holds_it():
    moderate, strict = (rule_of(world("gym:x"), level) for level in ("moderate", "strict"))
    assert (moderate.name, moderate.is_documented) == ("gym:x/own", False)
    assert (strict.name, strict.hold_env_steps, strict.is_documented) == (
        "gym:x/own-hold5",
        5,
        False,
    )


def test_the_own_rule_is_the_world_s():
    rule = rule_of(TwoRoom(size_px=16))
    states = np.array([[100.0, 100.0], [100.0, 116.0]])
    assert (rule.name, rule.is_own) == ("two-room/16px", True)
    assert rule.met(states, np.full((2, 2), 100.0)).tolist() == [True, False]


@pytest.mark.parametrize(("level", "bound"), [("moderate", 16.0), ("strict", 8.0)])
def test_two_rooms_are_judged_by_distance(level, bound):
    assert meets("two-room", level, [50, 50 + bound - 1e-6], [50, 50])
    assert not meets("two-room", level, [50, 50 + bound], [50, 50])


def test_moderate_pusht_counts_the_agent_and_strict_does_not():
    assert meets("pusht", "moderate", pusht(agent_x=19.9), pusht())
    assert not meets("pusht", "moderate", pusht(agent_x=15, block_x=15), pusht())
    assert meets("pusht", "strict", pusht(agent_x=90, block_x=9.9), pusht())
    assert not meets("pusht", "strict", pusht(block_x=10), pusht())


@pytest.mark.parametrize(("level", "bound"), [("moderate", 20), ("strict", 10)])
def test_the_block_s_angle_is_compared_around_the_circle(level, bound):
    assert meets("pusht", level, pusht(degrees=359), pusht(degrees=bound - 1.1))
    assert not meets("pusht", level, pusht(degrees=359), pusht(degrees=bound - 0.9))


def test_a_reacher_s_shoulder_turns_without_end_and_its_wrist_does_not():
    goal = [0.01, 0.5, 0, 0, 0, 0]
    assert meets("reacher", "moderate", [0.01 + 2 * np.pi + 0.049, 0.5, 0, 0, 0, 0], goal)
    assert not meets("reacher", "moderate", [0.01, 0.5 + 2 * np.pi, 0, 0, 0, 0], goal)
    assert not meets("reacher", "moderate", [0.01, 0.551, 0, 0, 0, 0], goal)


def test_strict_reacher_asks_where_the_fingertip_is():
    elbow_up, elbow_down = [0.3, 1.0, 0, 0, 0, 0], [1.3, -1.0, 0, 0, 0, 0]
    assert meets("reacher", "strict", elbow_up, elbow_down)
    # turning both links by 1/24 rad moves a stretched arm of 24 cm by 10 mm
    assert meets("reacher", "strict", [0.0411, 0, 0, 0, 0, 0], [0] * 6)
    assert not meets("reacher", "strict", [0.0423, 0, 0, 0, 0, 0], [0] * 6)


def cube(x: float = 0.0, turn: tuple[float, ...] = (1, 0, 0, 0)) -> list[float]:
    return [*([7.0] * CUBE_AT), x, 0, 0, *turn, 3.0]


def about(axis: list[float], degrees: float) -> tuple[float, ...]:
    half = np.radians(degrees) / 2
    unit = np.array(axis) / np.linalg.norm(axis)
    return (np.cos(half), *(np.sin(half) * unit))


def test_a_cube_is_judged_by_its_place():
    assert meets("cube", "moderate", cube(0.04), cube())
    assert not meets("cube", "moderate", cube(0.0401), cube())
    assert meets("cube", "strict", cube(0.0299), cube())
    assert not meets("cube", "strict", cube(0.0301), cube())


@pytest.mark.parametrize(
    ("axis", "looks_alike"),
    [([0, 0, 1], 90), ([1, 0, 0], 180), ([1, 1, 0], 180), ([1, 1, 1], 120), ([1, -1, 1], 240)],
)
def test_a_cube_turned_into_itself_was_not_turned(axis, looks_alike):
    goal = cube(turn=about([0.2, 1.0, -0.4], 33))

    def turned(degrees: float) -> list[float]:
        w, x, y, z = about([0.2, 1.0, -0.4], 33)
        a, b, c, d = about(axis, degrees)
        product = (
            w * a - x * b - y * c - z * d,
            w * b + x * a + y * d - z * c,
            w * c - x * d + y * a + z * b,
            w * d + x * c - y * b + z * a,
        )
        return cube(turn=product)

    assert meets("cube", "strict", turned(looks_alike), goal)
    assert meets("cube", "strict", turned(looks_alike - 14.9), goal)
    assert not meets("cube", "strict", turned(looks_alike + 15.1), goal)
