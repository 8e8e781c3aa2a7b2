"""Other draws of the ensemble stand beside the one that was measured, and decide nothing."""

from envelope.records import Cell
from perturbations.monitors.fitting import NUM_REDRAWS
from perturbations.thresholds import redraws
from perturbations.thresholds.calibration import calibrate
from tests.envelope.builders import measurements
from tests.envelope.judging import claim_of
from tests.perturbations.audits import audited


def cell(suite, **columns):
    return Cell(
        id="0" * 64,
        suite=suite,
        arm="model",
        condition={"episodes": "calibration", "model_steps": 5},
        cases="0" * 64,
        status="done",
        rows={"episode": list(range(len(next(iter(columns.values()))))), **columns},
    )


CALIBRATION = cell(
    "monitors",
    **{
        "disagreement": [float(i) for i in range(100)],
        "disagreement~1": [float(i) for i in range(100)],
        "disagreement~2": [2.0 * i for i in range(100)],
    },
)


def test_every_draw_has_the_threshold_that_its_own_scores_support():
    monitors = calibrate(CALIBRATION, 0.05)

    found = redraws.thresholds([CALIBRATION], monitors)

    assert [one.name for one in monitors] == ["disagreement"]
    assert found == {
        "disagreement~1": monitors[0].threshold,
        "disagreement~2": 2 * monitors[0].threshold,
    }
    assert redraws.thresholds([CALIBRATION], []) == {}


def test_the_rate_of_the_draws_is_told_from_least_to_most():
    limits = {"disagreement~1": 1.0, "disagreement~2": 1.0, "disagreement~3": 1.0}
    shifted = cell(
        "nuisance_shift",
        **{"disagreement~1": [2, 2, 2, 2], "disagreement~2": [0, 0, 0, 2]},
        **{"disagreement~3": [1, 1, 2, 2]},  # on the threshold is no alarm
    )

    found = redraws.alarm_rates(shifted, limits)

    assert (found.low, found.value, found.high) == (0.25, 0.5, 1.0)
    assert redraws.alarm_rates(shifted, {**limits, "disagreement~4": 1.0}) is None


def test_other_draws_are_told_of_beside_the_monitor_and_never_pass_for_one():
    _, found, summaries = audited("BackgroundReader")
    told = [one for one in summaries if one.quantity == "alarm_rate_of_redraws"]
    closed = [one for one in summaries if one.quantity == "success_drop"]

    assert len(told) == len(closed) > 0
    assert {one.condition["monitor"] for one in told} == {"disagreement"}
    assert {one.condition["num_redraws"] for one in told} == {NUM_REDRAWS}
    assert not [one for one in found.monitors if "~" in one.name]
    assert not [one for one in summaries if "~" in str(one.condition.get("monitor"))]


def test_a_claim_about_an_alarm_tells_how_far_the_draw_of_the_ensemble_moves_it():
    base = measurements()
    rate = next(
        one
        for one in base.summaries
        if one.quantity == "closed_loop_alarm_rate"
        and one.condition["nuisance"] == "noise"
        and one.condition["monitor"] == "shell"
    )
    range_of_draws = rate.estimate.model_copy(
        update={"value": 0.2, "low": 0.01, "high": 0.62, "interval": "counted"}
    )
    told = rate.model_copy(
        update={
            "quantity": "alarm_rate_of_redraws",
            "condition": {**rate.condition, "num_redraws": 4},
            "estimate": range_of_draws,
        }
    )

    claim = claim_of(
        base.model_copy(update={"summaries": [*base.summaries, told]}), "nuisance.noise"
    )

    assert claim.verdict == claim_of(base, "nuisance.noise").verdict == "fails"
    assert "(over 4 other draws of it 0.01 to 0.62)" in claim.reason
