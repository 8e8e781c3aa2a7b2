"""Which of two arms is worse: each has rows, thresholds and clips of its own, made up here."""

from typing import Any

import pytest

from envelope.records import Cell
from perturbations.migration.family import Asked, Evidence
from perturbations.migration.migration import BASE, MARGINS
from perturbations.statistics.stats import mcnemar

NUM = 60
ASKED = Asked(
    margins=MARGINS,
    watched_by=("surprise",),
    violations={"teleport": 40.0},
    detection_rate=0.8,
    false_alarms_per_episode=0.05,
    horizon=3,
    max_drift_ratio=0.5,
    num_cases=NUM,
)
"""Four comparisons: success, one detection, false alarms, usable horizon."""


def cell(arm, suite, condition, **rows: list[Any]):
    return Cell(
        id="0" * 64,
        suite=suite,
        arm=arm,
        condition=condition,
        cases="1" * 64,
        status="done",
        rows={"episode": list(range(NUM)), **rows},
    )


def side(arm, *, largest=1.0, alarms=0, clips=5.0):
    """Calibration scores up to `largest`, so many lawful episodes above that, clips at a score."""
    scores = [largest * (i + 1) / NUM for i in range(NUM)]
    lawful = [9 * largest] * alarms + [0.0] * (NUM - alarms)
    return [
        cell(arm, "monitors", {"episodes": "calibration", "model_steps": 10}, surprise=scores),
        cell(arm, "voe", {"violation": "none"}, surprise=lawful),
        cell(
            arm,
            "voe",
            {"violation": "teleport", "kind": "physical", "magnitude": 40.0, "unit": "px"},
            kept=[True] * NUM,
            oracle=[True] * NUM,
            surprise_lawful=[0.0] * NUM,
            surprise_1=[clips] * NUM,
        ),
    ]


def compared(base, candidate):
    """What the two say, with the named comparison at hand."""
    evidence = Evidence(ASKED, [*base, *candidate])
    return evidence, {one.quantity: one for one in evidence.comparisons}


def test_a_candidate_with_more_false_alarms_is_worse_and_one_with_fewer_is_not():
    loud, quiet = 12, 0

    evidence, found = compared(side(BASE, alarms=quiet), side("model", alarms=loud))
    assert found["false_alarms_difference"].difference.value == pytest.approx(loud / NUM)
    assert evidence.shows_a_loss()

    evidence, found = compared(side(BASE, alarms=loud), side("model", alarms=quiet))
    assert found["false_alarms_difference"].difference.value == pytest.approx(-loud / NUM)
    assert not evidence.shows_a_loss()


def rollouts(arm, *errors):
    """Errors by horizon, over a motion of 1."""
    columns = {f"error_{step}": [error] * NUM for step, error in enumerate(errors, start=1)}
    still = {f"still_{step}": [1.0] * NUM for step in range(1, len(errors) + 1)}
    return [cell(arm, "horizon_drift", {"max_horizon": len(errors)}, **columns, **still)]


def test_a_candidate_that_may_look_less_far_is_worse_and_one_that_may_look_farther_is_not():
    near, far = (0.1, 0.6, 0.6), (0.3, 0.4, 0.4)

    evidence, found = compared(rollouts(BASE, *far), rollouts("model", *near))
    assert found["usable_horizon_difference"].difference.value == pytest.approx(-2 / 3)
    assert evidence.shows_a_loss()

    evidence, found = compared(rollouts(BASE, *near), rollouts("model", *far))
    assert found["usable_horizon_difference"].difference.value == pytest.approx(2 / 3)
    assert not evidence.shows_a_loss()


@pytest.mark.parametrize(("of_base", "of_candidate", "lost"), [(1.0, 10.0, 1), (10.0, 1.0, -1)])
def test_clips_are_judged_by_the_threshold_of_their_own_arm(of_base, of_candidate, lost):
    """A score of 5 is an alarm of the arm that was calibrated up to 1, and none of the other."""
    asked = Evidence(ASKED, [*side(BASE, largest=of_base), *side("model", largest=of_candidate)])

    found = asked._detection("surprise", "teleport", 4)

    assert found.difference.value == -lost


@pytest.mark.parametrize(("alarms", "is_shown"), [(6, False), (8, True)])
def test_a_loss_ends_the_run_only_by_the_error_rate_of_the_whole_family(alarms, is_shown):
    evidence, found = compared(side(BASE), side("model", alarms=alarms))

    loss = found["false_alarms_difference"]
    assert loss.p_worse == mcnemar([0] * alarms, [1] * alarms) < 0.05
    assert (len(found) * loss.p_worse < 0.05) == is_shown
    assert evidence.shows_a_loss() == is_shown
