"""An alarm that the same clip raises without the event is no detection."""

import pytest

from envelope.records import CalibratedMonitor, Calibration, Cell
from perturbations.voe import ViolationOfExpectation

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


@pytest.mark.parametrize(("num_twins", "detected"), [(0, 1.0), (10, 0.75), (40, 0.0)])
def test_a_clip_whose_lawful_twin_alarms_is_counted_as_missed(num_twins, detected):
    cell = Cell(
        id="1" * 64,
        suite="voe",
        arm="model",
        condition={"violation": "teleport", "kind": "physical", "magnitude": 80.0, "unit": "px"},
        cases="2" * 64,
        status="done",
        rows={
            "episode": list(range(NUM)),
            "critical": [2] * NUM,
            "kept": [True] * NUM,
            "oracle": [True] * NUM,
            "separation": [50.0] * NUM,
            "block_size": [5] * NUM,
            "surprise_lawful": [2.0] * num_twins + [0.1] * (NUM - num_twins),
            "surprise_1": [5.0] * NUM,
        },
    )

    found = ViolationOfExpectation().summarise([cell], [MONITOR], seed=0)

    (detection,) = [one for one in found if one.quantity == "detection"]
    assert detection.estimate is not None
    assert detection.estimate.value == detected
    assert ("counted as missed" in detection.note) == (num_twins > 0)
