"""Monitors: false alarms, blind spots, and the positive control without which nothing holds."""

import math

import numpy as np
import pytest

from envelope.claims import make_claims
from envelope.claims.words import episodes_to_settle
from envelope.criteria import default_criteria
from perturbations.statistics import stats
from tests.envelope.builders import measurements, share
from tests.envelope.judging import claim_of, replaced, with_interval


def with_monitor(**update):
    base = measurements()
    first, *rest = base.monitors
    return base.model_copy(update={"monitors": [first.model_copy(update=update), *rest]})


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.8, 1.0, "holds"), (0.79, 1.0, "unknown"), (0.1, 0.8, "unknown"), (0.1, 0.79, "fails")],
)
def test_blind_needs_an_upper_bound_below_the_stated_rate(low, high, verdict):
    found = replaced(
        "voe/detection",
        with_interval(low, min(high, 0.85), high),
        monitor="surprise",
        violation="freeze",
        magnitude=10.0,
    )

    assert claim_of(found, "monitor.surprise.freeze").verdict == verdict


def test_blind_spots_are_published_beside_the_threshold():
    surprise, shell = make_claims(measurements(), default_criteria()).monitors

    assert surprise.threshold == 0.0312
    assert {"background.color", "distractor", "frozen_camera"} <= set(surprise.blind_spots)
    assert "teleport" in shell.blind_spots
    assert {one.outcome for one in surprise.sensitivity} == {"detected", "blind", "inconclusive"}


def test_the_claim_is_about_the_magnitude_of_the_criteria_alone():
    found = replaced(
        "voe/detection",
        with_interval(0.0, 0.0, 0.1),
        monitor="surprise",
        violation="teleport",
        magnitude=120.0,
    )

    assert claim_of(found, "monitor.surprise.teleport").verdict == "holds"


@pytest.mark.parametrize(
    ("low", "value", "high", "words"),
    [
        (0.1, 0.2, 0.3, "0.20 [0.10, 0.30] more than by the bare change of pixels"),
        (-0.05, -0.01, 0.03, "(the monitor detects -0.01 [-0.05, 0.03] more)"),
        (0.0, 0.0, 0.03, "is not shown to add anything there"),
    ],
)
def test_what_is_detected_says_whether_the_bare_change_of_pixels_sees_it_as_well(
    low, value, high, words
):
    found = measurements()
    teleport = {"monitor": "surprise", "violation": "teleport", "magnitude": 80.0}
    [one] = [
        m
        for m in found.summaries
        if m.quantity == "detection" and teleport.items() <= m.condition.items()
    ]
    floor = with_interval(low, value, high)(one).model_copy(update={"quantity": "beats_floor"})
    beside = found.model_copy(update={"summaries": [*found.summaries, floor]})

    claim = claim_of(found, "monitor.surprise.teleport")
    with_floor = claim_of(beside, "monitor.surprise.teleport")

    assert with_floor.verdict == claim.verdict == "holds"
    assert words in with_floor.reason
    assert "pixels" not in claim.reason


def test_a_monitor_that_never_fires_is_not_healthy():
    found = replaced("voe/detection", with_interval(0.0, 0.0, 0.06), monitor="surprise")

    claim = claim_of(found, "monitor.surprise.false_alarms")

    assert claim.verdict == "unknown"
    assert "positive control" in claim.reason
    assert make_claims(found, default_criteria()).monitors[0].positive_control is False


@pytest.mark.parametrize(
    ("low", "value", "high", "verdict"),
    [
        (0.0, 0.05, 0.2, "holds"),
        (0.01, 0.06, 0.2, "unknown"),
        (0.06, 0.1, 0.2, "fails"),
    ],
)
def test_false_alarms_fail_only_above_the_stated_rate(low, value, high, verdict):
    found = replaced("voe/false_alarms", with_interval(low, value, high), monitor="surprise")

    assert claim_of(found, "monitor.surprise.false_alarms").verdict == verdict


@pytest.mark.parametrize(("episodes", "verdict"), [(58, "unknown"), (59, "holds")])
def test_too_few_calibration_episodes_guarantee_nothing(episodes, verdict):
    calibration = measurements().monitors[0].calibration.model_copy(update={"episodes": episodes})

    claim = claim_of(with_monitor(calibration=calibration), "monitor.surprise.false_alarms")

    assert claim.verdict == verdict
    assert ("59 are needed" in claim.reason) == (verdict == "unknown")


def test_a_threshold_for_a_laxer_rate_does_not_meet_the_criteria():
    claim = claim_of(with_monitor(false_alarms_per_episode=0.2), "monitor.surprise.false_alarms")

    assert claim.verdict == "unknown"
    assert "calibrated only for 0.2" in claim.reason


def test_another_unit_is_not_the_one_of_the_criteria():
    found = replaced(
        "voe/detection",
        lambda one: one.model_copy(update={"condition": {**one.condition, "unit": "mm"}}),
        violation="teleport",
    )

    assert claim_of(found, "monitor.surprise.teleport").outcome == "not_measured"


def test_episodes_to_settle_of_a_perfect_share_is_exact():
    # 0.025^(1/n) reaches 0.8 at n = ln 0.025 / ln 0.8 = 16.5.
    assert episodes_to_settle(share(1.0, 10), 0.8) == math.ceil(math.log(0.025) / math.log(0.8))
    assert share(1.0, 16).low < 0.8 <= share(1.0, 17).low


@pytest.mark.parametrize(
    ("successes", "episodes", "limit"),
    [(148, 200, 0.8), (180, 200, 0.85), (60, 100, 0.7), (12, 40, 0.2)],
)
def test_so_many_episodes_do_settle_it_four_times_in_five(successes, episodes, limit):
    needed = episodes_to_settle(stats.clopper_pearson(successes, episodes), limit)

    drawn = np.random.default_rng(0).binomial(needed, successes / episodes, size=1000)
    intervals = [stats.clopper_pearson(int(again), needed) for again in drawn]

    settled = np.mean([found.low >= limit or found.high < limit for found in intervals])
    assert 0.72 < settled < 0.88


def test_a_value_on_the_limit_is_settled_by_no_number():
    assert episodes_to_settle(share(0.8, 60), 0.8) is None


def test_the_smallest_detectable_magnitude_is_bracketed_from_the_strong_end():
    surprise, shell = make_claims(measurements(), default_criteria()).monitors
    of = {one.violation: one for one in surprise.detected_from}

    # Detected in 0.2, 0.7, 1.0 and 1.0 of 60 clips at 20, 40, 80 and 120 px.
    assert (of["teleport"].magnitude, of["teleport"].more_than) == (80.0, 40.0)
    assert (of["blackout"].magnitude, of["blackout"].more_than) == (1.0, None)
    assert (of["background.color"].magnitude, of["background.color"].more_than) == (None, 80.0)
    assert all(one.violation != "none" for one in shell.detected_from)


def test_a_gap_in_the_curve_ends_it_though_a_weaker_magnitude_is_detected():
    found = replaced(
        "voe/detection",
        with_interval(0.1, 0.5, 0.9),
        monitor="surprise",
        violation="freeze",
        magnitude=20.0,
    )

    (curve,) = [
        one
        for one in make_claims(found, default_criteria()).monitors[0].detected_from
        if one.violation == "freeze"
    ]
    assert (curve.magnitude, curve.more_than) == (None, 20.0)


# --- quiet where a nuisance does no harm ----------------------------------------------------------

HARMLESS = {"nuisance": "background.gradient", "direction": "horizontal", "strength": 1.0}
QUIET = "monitor.surprise.quiet_under_nuisance"


def alarms(low, value, high, **condition):
    return replaced(
        "nuisance_shift/closed_loop_alarm_rate",
        with_interval(low, value, high),
        measurements_that_are_quiet(),
        monitor="surprise",
        **(condition or HARMLESS),
    )


def measurements_that_are_quiet():
    return replaced(
        "nuisance_shift/closed_loop_alarm_rate", with_interval(0.0, 0.02, 0.08), monitor="surprise"
    )


@pytest.mark.parametrize(
    ("low", "value", "high", "verdict"),
    [
        (0.0, 0.02, 0.2, "holds"),
        (0.1, 0.2, 0.3, "unknown"),
        (0.21, 0.3, 0.4, "unknown"),  # one of sixteen cells may come so far by chance
        (0.27, 0.35, 0.45, "fails"),
    ],
)
def test_an_alarm_where_success_is_kept_is_one_too_many(low, value, high, verdict):
    claim = claim_of(alarms(low, value, high), QUIET)

    assert claim.verdict == verdict, claim.reason
    assert claim.kind == "bound"


def test_an_alarm_where_success_is_lost_is_no_fault():
    loud = {"nuisance": "noise", "direction": "white", "strength": 0.6}

    assert claim_of(alarms(0.7, 0.8, 0.9, **loud), QUIET).verdict == "holds"


def test_a_harmless_point_whose_drop_got_lost_must_be_quiet_all_the_same():
    noisy = alarms(0.3, 0.4, 0.5)
    lost = replaced("nuisance_shift/success_drop", lambda one: None, noisy, **HARMLESS)

    assert claim_of(noisy, QUIET).verdict == "fails"
    assert claim_of(lost, QUIET).verdict == "unknown"


def test_a_dead_monitor_is_not_called_quiet():
    dead = replaced(
        "voe/detection",
        with_interval(0.0, 0.0, 0.06),
        measurements_that_are_quiet(),
        monitor="surprise",
    )

    claim = claim_of(dead, QUIET)

    assert claim.verdict == "unknown"
    assert "positive control" in claim.reason


def test_no_monitor_at_all_is_said():
    none = measurements().model_copy(update={"monitors": []})

    judged = make_claims(none, default_criteria())

    assert not any(claim.id.startswith("monitor.") for claim in judged.claims)
    assert "monitors" in {one.what for one in judged.not_measured}
