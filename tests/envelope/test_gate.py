"""The decision by itself: measurements in, accept, revert or undecided out."""

import itertools

import pytest
from pydantic import ValidationError

from envelope import gate
from envelope.records import Estimate, Measurement
from tests.envelope.gating import CONDITIONS, MARGINS, equal, found, gate_record, with_one


def decided(measurements, needed=None):
    return gate.decide(gate.compare(measurements, MARGINS, needed or {}))


def test_a_candidate_shown_to_be_no_worse_in_everything_is_accepted():
    decision, reasons = decided(equal())

    assert decision == "accept"
    assert [(reason.code, reason.subject) for reason in reasons] == [("non_inferior", "all")]


@pytest.mark.parametrize(
    ("quantity", "low", "high", "subject"),
    [
        ("success_difference", -0.3, -0.1, "success"),
        ("detection_difference", -0.4, -0.2, "detection.surprise.teleport"),
        ("false_alarms_difference", 0.1, 0.3, "false_alarms.surprise"),
        ("usable_horizon_difference", -0.4, -0.2, "usable_horizon.5"),
    ],
)
def test_one_loss_that_is_shown_reverts(quantity, low, high, subject):
    decision, reasons = decided(with_one(quantity, low, high, p_holm=0.01))

    assert decision == "revert"
    assert [(reason.code, reason.subject) for reason in reasons] == [("inferior", subject)]
    assert "p 0.01 after Holm" in reasons[0].message


@pytest.mark.parametrize("quantity", CONDITIONS)
def test_a_gain_is_never_a_reason_to_revert(quantity):
    higher_is_worse = quantity == "false_alarms_difference"
    ends = (-0.5, -0.3) if higher_is_worse else (0.3, 0.5)

    assert decided(with_one(quantity, *ends, p_holm=0.001))[0] == "accept"


def test_a_loss_that_may_be_chance_is_undecided_and_says_how_many_cases_would_decide():
    measurements = with_one("success_difference", -0.2, 0.01, p_holm=0.2)

    decision, reasons = decided(measurements, {measurements[0].id: 310})

    assert decision == "undecided"
    assert [(reason.code, reason.subject) for reason in reasons] == [("undecided", "success")]
    assert "310 cases would decide" in reasons[0].message


def test_a_loss_that_is_shown_and_within_the_margin_is_harmless():
    assert decided(with_one("success_difference", -0.04, -0.01, p_holm=0.001))[0] == "accept"


@pytest.mark.parametrize("quantity", CONDITIONS)
def test_what_was_not_measured_is_undecided_whether_it_is_empty_or_absent(quantity):
    empty = with_one(quantity, -0.02, 0.02, measured=False)
    absent = [one for one in equal() if one.quantity != quantity]

    for measurements in (empty, absent, []):
        decision, reasons = decided(measurements)
        assert decision == "undecided"
        assert "not_measured" in {reason.code for reason in reasons}


def test_a_loss_decides_also_where_other_things_were_not_measured():
    measurements = [found("success_difference", -0.4, -0.2, p_holm=0.001)]

    assert decided(measurements)[0] == "revert"


def test_removing_measurements_never_makes_a_candidate_acceptable():
    every = with_one("detection_difference", -0.4, -0.2, p_holm=0.001)
    for size in range(4):
        for kept in itertools.combinations(every, size):
            assert decided(kept)[0] != "accept"


@pytest.mark.parametrize("quantity", ["probe_r2", "one_step_error", "latent_displacement"])
def test_what_is_reported_decides_nothing(quantity):
    best = Measurement(
        suite="migration",
        quantity=quantity,
        unit="1",
        condition={"arm": "candidate"},
        estimate=Estimate(value=1, low=1, high=1, episodes=9, interval="bootstrap", seed=0),
        p_holm=0.0,
    )
    worse = with_one("success_difference", -0.3, -0.1, p_holm=0.01)

    assert decided([best, *worse]) == decided(worse)
    assert decided([best])[0] == "undecided"
    assert gate.reported([best, *worse]) == [best]


def test_the_status_follows_from_the_decision():
    with pytest.raises(ValidationError, match="exactly when the candidate is accepted"):
        gate.Gate.model_validate({**dict(gate_record()), "exit_status": 0})


def test_the_text_says_the_decision_first_and_every_comparison():
    lines = gate_record().as_text().splitlines()

    assert lines[0].startswith("UNDECIDED  ")
    for one in gate_record().compared:
        assert any(one.subject in line for line in lines)
