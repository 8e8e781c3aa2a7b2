"""What counts as a detection: clips that can be told apart, alarms that the event raised."""

import pytest

from envelope.records import CalibratedMonitor, Calibration, Cell
from perturbations.suites.voe import ViolationOfExpectation

NUM = 40
MONITOR = CalibratedMonitor(
    name="surprise",
    statistic="made up",
    threshold=1.0,
    false_alarms_per_episode=0.05,
    calibration=Calibration(
        method="split_conformal", episodes=59, episodes_digest="0" * 64, model_steps_per_episode=10
    ),
)


def detection(**changed):
    """The measurement over 40 clips that all alarm, with some columns changed."""
    rows = {
        "episode": list(range(NUM)),
        "critical": [2] * NUM,
        "kept": [True] * NUM,
        "oracle": [True] * NUM,
        "separation": [50.0] * NUM,
        "block_size": [5] * NUM,
        "surprise_lawful": [0.1] * NUM,
        "surprise_1": [5.0] * NUM,
    }
    cell = Cell(
        id="1" * 64,
        suite="voe",
        arm="model",
        condition={"violation": "teleport", "kind": "physical", "magnitude": 80.0, "unit": "px"},
        cases="2" * 64,
        status="done",
        rows={**rows, **changed},
    )
    found = ViolationOfExpectation().summarise([cell], [MONITOR], seed=0)
    (only,) = [one for one in found if one.quantity == "detection"]
    return only


@pytest.mark.parametrize(("num_twins", "detected"), [(0, 1.0), (10, 0.75), (40, 0.0)])
def test_a_clip_whose_lawful_twin_alarms_is_counted_as_missed(num_twins, detected):
    found = detection(surprise_lawful=[2.0] * num_twins + [0.1] * (NUM - num_twins))

    assert found.estimate.value == detected
    assert ("counted as missed" in found.note) == (num_twins > 0)


def test_a_clip_that_not_even_the_true_state_tells_apart_counts_for_nothing():
    found = detection(oracle=[False] + [True] * (NUM - 1), surprise_1=[0.0] + [5.0] * (NUM - 1))

    assert (found.estimate.value, found.estimate.episodes) == (1.0, NUM - 1)


@pytest.mark.parametrize(("untold", "share"), [(2, 1.0), (4, None)])
def test_a_class_of_which_one_clip_in_ten_cannot_be_told_is_not_judged_on_the_rest(untold, share):
    found = detection(oracle=[False] * untold + [True] * (NUM - untold))

    assert (found.estimate and found.estimate.value) == share
    assert ("could tell in only 90% of the clips" in found.note) == (share is None)
