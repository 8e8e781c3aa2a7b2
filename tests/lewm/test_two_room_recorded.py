"""The two-room world beside steps and frames recorded from stable-worldmodel's TwoRoom.

test_two_room_parity.py compares with the live environment, and recorded these.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from lewm.worlds.two_room import TwoRoom

with np.load(Path(__file__).with_name("two_room_recorded.npz")) as file:
    RECORDED = dict(file)
FACTOR_SETS = json.loads(str(RECORDED["factor_sets"]))


@pytest.mark.parametrize("name", FACTOR_SETS)
def test_recorded_steps_of_the_reference_are_repeated(name):
    world = TwoRoom(factors=FACTOR_SETS[name])
    found = world.step(RECORDED[f"{name}.states"], RECORDED[f"{name}.actions"])
    np.testing.assert_allclose(found, RECORDED[f"{name}.next"], atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", FACTOR_SETS)
def test_recorded_frames_of_the_reference_are_repeated_within_one_grey_level(name):
    frames = RECORDED[f"{name}.frames"].astype(int)
    found = TwoRoom(factors=FACTOR_SETS[name]).render(RECORDED[f"{name}.states"][: len(frames)])
    assert np.abs(found - frames).max() <= 1
    assert (found != frames).mean() < 3e-3
