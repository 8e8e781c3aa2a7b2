"""Strengths that come to nothing in a world are left out of the plan, and the record says so."""

import numpy as np
import pytest

from lewm.worlds.two_room import TwoRoom
from perturbations import audit
from perturbations.episodes import Cases
from perturbations.nuisances.classes import find, telling
from perturbations.nuisances.nuisance import FrameSeeds
from perturbations.suites.shift_plan import open_loop
from tests import known_models as known

DEFAULT = [0.05, 0.1, 0.2, 0.5, 1.0]


@pytest.mark.parametrize(
    ("name", "size_px", "expected"),
    [
        ("camera.shift", 64, DEFAULT[1:]),  # 0.46 px of 64
        ("camera.shift", 224, DEFAULT),
        ("light.gain", 64, DEFAULT),
        ("background.color", 64, DEFAULT),
    ],
)
def test_a_strength_that_rounds_to_nominal_is_left_out(name, size_px, expected):
    assert telling(name, DEFAULT, TwoRoom(size_px=size_px)) == expected


def test_of_strengths_that_round_to_one_amount_the_weakest_is_kept():
    assert telling("camera.shift", [0.12, 0.1, 0.2], TwoRoom(size_px=64)) == [0.1, 0.2]


def test_a_class_that_the_world_cannot_show_keeps_its_strengths():
    assert telling("factor:table.color", DEFAULT, known.WORLD) == DEFAULT


def test_plan_open_loop_and_record_agree_on_what_is_left_out():
    criteria = known.criteria(nuisances={"camera.shift": DEFAULT, "light.gain": [0.5]})
    world, rng = TwoRoom(size_px=64), np.random.default_rng(0)
    starts, goals = world.sample_states(rng, 40), world.sample_states(rng, 40)
    apart = ~world.solved(starts, goals)
    cases = Cases(starts[apart], goals[apart], 15)
    bench = known.bench(known.Oracle(), world=world, criteria=criteria, cases=cases)

    assert audit.plan(bench).criteria.nuisances == {
        "camera.shift": DEFAULT[1:],
        "light.gain": [0.5],
    }
    assert {shift.strength for shift in open_loop(bench)} == {*DEFAULT[1:], 0.5}
    assert all(shift.amount != shift.nominal for shift in open_loop(bench))
    (said,) = audit._strengths_left_out(bench)
    assert (said.what, said.reason) == (
        "camera.shift at strength 0.05",
        "it rounds to 0 px here, which changes nothing",
    )


def test_every_strength_that_is_kept_changes_the_picture():
    world = TwoRoom(size_px=64)
    rng = np.random.default_rng(0)
    states = world.sample_states(rng, 1)
    seeds = FrameSeeds(*2 * [np.zeros(1, dtype=int)])
    for strength in telling("camera.shift", DEFAULT, world):
        shown = find("camera.shift").render(
            world, states, strength=strength, direction="left", seeds=seeds
        )
        assert (shown != world.render(states)).any()
