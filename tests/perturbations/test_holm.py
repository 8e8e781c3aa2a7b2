"""Where a suite compares several things, each p-value is that of the whole family."""

import numpy as np
import pytest

from envelope.records import Cell
from perturbations.statistics import stats
from perturbations.suites.exploitation import Exploitation
from perturbations.suites.nuisance_shift import NuisanceShift
from perturbations.suites.planning import Planning

NUM = 60
LOST = (4, 8)
"""Cases that two changes lose of those that all were solved before."""
ALONE = [stats.mcnemar([1] * lost, [0] * lost) for lost in LOST]


def cell(suite, condition, lost=0, arm="model"):
    success = [case >= lost for case in range(NUM)]
    return Cell(
        id="0" * 64,
        suite=suite,
        arm=arm,
        condition=condition,
        cases="1" * 64,
        status="done",
        rows={"success": success, "stream": [0] * NUM, "env_steps": [5] * NUM},
    )


CLEAN = cell("planning", {"stream": 0, "goal_offset_env_steps": 15, "budget_env_steps": 30})


def under_nuisances():
    about = {
        "nuisance": "blur",
        "direction": "isotropic",
        "unit": "px",
        "loop": "closed",
        "nominal": 0.0,
        "frames": "current",
    }
    cells = [
        cell("nuisance_shift", {**about, "strength": strength, "amount": 12 * strength}, lost)
        for strength, lost in zip((0.5, 1.0), LOST, strict=True)
    ]
    found = NuisanceShift().summarise([CLEAN, *cells], [], seed=0)
    return [one.p_holm for one in found if one.quantity == "success_drop"]


def by_more_search():
    cells = [
        cell("exploitation", {"pressure": name, "loop": "closed", "budget_env_steps": 30}, lost)
        for name, lost in zip(("num_samples_times_4", "replan_every_block"), LOST, strict=True)
    ]
    found = Exploitation().summarise([CLEAN, *cells], [], seed=0)
    return [one.p_holm for one in found if one.quantity == "success_change"]


def over_the_floors():
    floors = [
        cell("planning", {"streams": "one_per_case"}, lost, arm)
        for arm, lost in zip(("random", "untrained_twin"), LOST, strict=True)
    ]
    found = Planning().summarise([CLEAN, *floors], [], seed=0)
    return [one.p_holm for one in found if one.quantity == "success_gain"]


@pytest.mark.parametrize("compared", [under_nuisances, by_more_search, over_the_floors])
def test_two_comparisons_are_corrected_together(compared):
    found = compared()

    assert found == pytest.approx(stats.holm(ALONE))
    assert found[1] == pytest.approx(2 * ALONE[1])
    assert np.all(np.array(found) >= ALONE)
