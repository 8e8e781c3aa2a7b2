"""Nuisance classes made from a world's own appearance factors."""

from types import SimpleNamespace

import numpy as np
import pytest

from envelope.cli.workbench import criteria_for
from envelope.criteria import default_criteria
from lewm.worlds.two_room import TwoRoom
from perturbations.nuisances import color
from perturbations.nuisances.classes import find, spelt_out
from perturbations.nuisances.factor_classes import EVERY
from perturbations.nuisances.nuisance import FrameSeeds
from tests import known_models as known
from tests import reference

SEEDS = FrameSeeds(np.zeros(2, dtype=np.int64), np.zeros(2, dtype=np.int64))
STATES = np.zeros((2, 2))


def factor(role, default, low, high):
    return SimpleNamespace(role=role, default=default, low=low, high=high)


FACTORS = {
    "agent.color": factor("appearance", (0.6, 0.3, 0.8), 0.0, 1.0),
    "floor.color": factor("appearance", (0.1, 0.1, 0.2, 0.2, 0.2, 0.3), 0.0, 1.0),
    "light.intensity": factor("appearance", 0.7, 0.0, 1.0),
    "camera.angle_delta": factor("appearance", (0.0, 10.0), -10.0, 10.0),
    "rug.pattern": factor("appearance", 2, 1, 7),
    "agent.mass": factor("dynamics", 1.0, 0.5, 2.0),
}


class Kitchen:
    """A world with factors of its own names, colours from 0 to 1."""

    name = "kitchen"
    factor_table = FACTORS

    def __init__(self):
        self.factors = {name: one.default for name, one in FACTORS.items()}
        self.asked = None

    def render(self, states, factors=None):
        self.asked = factors
        return np.zeros((len(states), 4, 4, 3), dtype=np.uint8)


def shown(name, direction, strength):
    world, nuisance = Kitchen(), find(name)
    nuisance.render(world, STATES, strength=strength, direction=direction, seeds=SEEDS)
    return world.asked[name.removeprefix("factor:")]


def test_every_appearance_factor_gets_a_class_and_no_dynamics_factor_does():
    wide = known.criteria(nuisances={"blur": [1.0], "agent.color": [1.0], EVERY: [0.5, 1.0]})

    found = spelt_out(wide, Kitchen()).nuisances

    assert list(found) == [
        "blur",
        "agent.color",
        "factor:floor.color",
        "factor:light.intensity",
        "factor:camera.angle_delta",
        "factor:rug.pattern",
    ]
    assert found["factor:rug.pattern"] == [0.5, 1.0]


def test_criteria_that_do_not_ask_stay_as_they_are():
    assert spelt_out(known.criteria(), Kitchen()) == known.criteria()


@pytest.mark.parametrize(
    ("name", "direction", "strength", "amount", "value"),
    [
        ("factor:light.intensity", "up", 1.0, 0.3, 1.0),
        ("factor:light.intensity", "down", 0.5, 0.35, 0.35),
        ("factor:camera.angle_delta", "up_0", 0.5, 5.0, (5.0, 10.0)),
        ("factor:camera.angle_delta", "down_1", 0.5, 10.0, (0.0, 0.0)),
        ("factor:rug.pattern", "up", 0.5, 2.0, 4),
        ("factor:rug.pattern", "down", 1.0, 1.0, 1),
    ],
)
def test_a_number_moves_towards_the_ends_of_its_range(name, direction, strength, amount, value):
    assert find(name).shift(Kitchen(), direction, strength).amount == pytest.approx(amount)
    assert shown(name, direction, strength) == pytest.approx(value)
    assert find(name).unit == "offset"


def test_a_number_at_an_end_of_its_range_goes_the_other_way_only():
    assert find("factor:camera.angle_delta").directions(Kitchen()) == ("up_0", "down_0", "down_1")


def test_a_colour_on_the_worlds_own_scale_reaches_its_target():
    reached = shown("factor:floor.color", "to_navy", 1.0)

    assert reached == pytest.approx(np.array([0, 0, 128, 0, 0, 128]) / 255)
    assert find("factor:floor.color").unit == "delta_e"


def test_the_amount_of_several_colours_is_their_mean_distance():
    kitchen, nuisance = Kitchen(), find("factor:floor.color")
    halves = np.array([[0.1, 0.1, 0.2], [0.2, 0.2, 0.3]]) * 255

    amount = nuisance.amount(kitchen, "to_red", 1.0)

    assert amount == pytest.approx(float(color.delta_e(halves, (255, 0, 0)).mean()))


def test_a_class_of_ours_minds_the_worlds_scale_too():
    kitchen, nuisance = Kitchen(), find("agent.color")
    full = nuisance.amount(kitchen, "to_red", 1.0)

    assert nuisance.native_value(kitchen, "to_red", full) == pytest.approx([1.0, 0.0, 0.0])
    assert full == pytest.approx(float(color.delta_e(np.array([153, 76.5, 204]), (255, 0, 0))))


def test_a_dynamics_factor_and_one_that_is_not_there_have_no_directions():
    assert find("factor:agent.mass").directions(Kitchen()) == ()
    assert find("factor:ceiling.color").directions(Kitchen()) == ()


def test_the_factors_of_pusht_change_its_picture():
    found = reference.run("nuisance_factors", "swm/pusht").split()

    assert {"factor:block.color", "factor:goal.color", "factor:goal.position"} <= set(found)


def test_default_criteria_look_at_all_of_another_worlds_picture_and_given_ones_do_not():
    default = default_criteria()

    elsewhere = criteria_for(default, Kitchen()).nuisances

    assert set(default.nuisances) < set(elsewhere)
    assert "factor:light.intensity" in elsewhere
    assert "factor:agent.color" not in elsewhere
    assert criteria_for(default, TwoRoom()) == default
    assert criteria_for(known.criteria(), Kitchen()) == known.criteria()


class Stage(Kitchen):
    """Its target is drawn only when asked for, and its floor is navy."""

    def __init__(self):
        super().__init__()
        self.factor_table = {**FACTORS, "target.color": factor("appearance", (1.0, 0, 0), 0.0, 1.0)}
        self.factors |= {"target.color": (1.0, 0.0, 0.0), "floor.color": (0.0, 0.0, 128 / 255) * 2}

    def sample_states(self, rng, num):
        return np.zeros((num, 2))

    def render(self, states, factors=None):
        seen = [name for name in factors or {} if name != "target.color"]
        return np.full((len(states), 4, 4, 3), len(seen), dtype=np.uint8)


def test_a_factor_that_changes_no_picture_is_no_nuisance():
    assert find("factor:target.color").directions(Stage()) == ()
    assert find("factor:light.intensity").directions(Stage()) == ("up", "down")


def test_an_agent_is_not_painted_like_the_floor_where_there_is_no_background():
    directions = find("agent.color").directions(Stage())
    assert "to_navy" not in directions
    assert "to_yellow" in directions
