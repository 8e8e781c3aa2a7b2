"""Nuisance classes: what is admitted, what fails, and whether somebody is warned."""

import pytest

from envelope.claims import make_claims
from envelope.criteria import default_criteria
from tests.envelope.builders import crashed, measurements
from tests.envelope.judging import claim_of, replaced, with_cells, with_interval


def scope(name, found=None):
    return make_claims(found or measurements(), default_criteria()).nuisance[name]


@pytest.mark.parametrize(
    ("nuisance", "verdict", "outcome"),
    [
        ("background.color", "fails", "fails_silently"),
        ("agent.color", "fails", "fails_loudly"),
        ("noise", "fails", "fails_alarm_unknown"),
        ("blur", "holds", "robust"),
        ("light.gain", "holds", "robust"),
        ("distractor", "unknown", "inconclusive"),
        ("camera.shift", "unknown", "not_measured"),
    ],
)
def test_each_outcome_has_its_verdict(nuisance, verdict, outcome):
    claim = claim_of(measurements(), f"nuisance.{nuisance}")

    assert (claim.verdict, claim.outcome, claim.kind) == (verdict, outcome, "bound")


def test_a_class_that_fails_keeps_the_range_below_the_failure():
    found = scope("background.color")

    assert (found.admitted.low, found.admitted.high) == (0, 8)
    assert (found.measured.low, found.measured.high) == (0, 24)
    assert found.frames == ["current"]


def test_a_class_with_two_sides_is_admitted_on_both():
    found = scope("light.gain")

    assert (found.nominal, found.admitted.low, found.admitted.high) == (1, 0.5, 1.5)


def test_one_side_does_not_speak_for_the_other():
    found = replaced(
        "nuisance_shift/success_drop",
        with_interval(0.2, 0.3, 0.4),
        nuisance="light.gain",
        direction="darker",
    )

    assert (scope("light.gain", found).admitted.low, scope("light.gain", found).admitted.high) == (
        1,
        1.5,
    )


def test_only_shown_in_open_loop_admits_nothing():
    found = scope("camera.shift")

    assert found.measured.low == found.measured.high == found.admitted.high == found.nominal


def test_a_failing_amount_closes_all_amounts_beyond_it():
    found = replaced(
        "nuisance_shift/success_drop",
        lambda one: with_interval(0.2, 0.3, 0.4)(one).model_copy(update={"p_holm": 0.001}),
        nuisance="blur",
        strength=0.6,
    )

    assert scope("blur", found).admitted.high == 0
    assert claim_of(found, "nuisance.blur").verdict == "fails"


def test_a_runner_up_that_fails_where_the_worst_direction_held_ends_the_range_before_it():
    found = measurements()
    strongest = {"nuisance": "blur", "strength": 1.0}
    another = {"direction": "sideways"}
    cells = [
        one.model_copy(update={"id": "f" * 64, "condition": {**one.condition, **another}})
        for one in found.cells
        if strongest.items() <= one.condition.items() and "frames" in one.condition
    ]
    drops = [
        with_interval(0.2, 0.3, 0.4)(one).model_copy(
            update={"condition": {**one.condition, **another}, "p_holm": 0.001}
        )
        for one in found.summaries
        if one.quantity == "success_drop" and strongest.items() <= one.condition.items()
    ]
    beside = found.model_copy(
        update={"cells": [*found.cells, *cells], "summaries": [*found.summaries, *drops]}
    )

    assert len(cells) == len(drops) == 1
    assert 0 < scope("blur", beside).admitted.high < scope("blur").admitted.high
    assert scope("blur", beside).directions_run == ("isotropic", "sideways")
    claim = claim_of(beside, "nuisance.blur")
    assert claim.verdict == "fails"
    assert "in the directions (isotropic, sideways)" in claim.statement


@pytest.mark.parametrize(
    ("interval", "p_holm"),
    [((0.2, 0.3, 0.4), 0.2), ((-0.01, 0.2, 0.4), 0.01), ((0.1, 0.2, 0.3), 0.001)],
)
def test_a_drop_fails_only_when_all_of_its_interval_is_beyond_the_limit_and_the_test_agrees(
    interval, p_holm
):
    found = replaced(
        "nuisance_shift/success_drop",
        lambda one: with_interval(*interval)(one).model_copy(update={"p_holm": p_holm}),
        nuisance="blur",
        strength=1.0,
    )

    claim = claim_of(found, "nuisance.blur")

    assert (claim.verdict, claim.outcome) == ("unknown", "inconclusive")


def test_it_is_not_silent_while_one_monitor_was_not_watched():
    found = replaced(
        "nuisance_shift/closed_loop_alarm_rate",
        lambda one: None,
        nuisance="background.color",
        monitor="shell",
    )

    assert claim_of(found, "nuisance.background.color").outcome == "fails_alarm_unknown"


def test_a_cell_without_its_summary_admits_nothing_beyond_it():
    found = replaced("nuisance_shift/success_drop", lambda one: None, nuisance="blur", strength=0.6)

    assert scope("blur", found).admitted.high == 0
    assert claim_of(found, "nuisance.blur").verdict == "unknown"


def test_a_summary_without_its_cell_admits_nothing_beyond_it():
    found = with_cells(
        lambda cell: (
            None
            if cell.condition.get("nuisance") == "blur" and "frames" in cell.condition
            else cell
        )
    )

    assert scope("blur", found).admitted.high == 0
    assert claim_of(found, "nuisance.blur").verdict == "unknown"


def test_a_crash_in_one_class_leaves_the_others_alone():
    found = with_cells(
        lambda cell: crashed(cell) if cell.condition.get("nuisance") == "blur" else cell
    )

    assert claim_of(found, "nuisance.blur").outcome == "crashed"
    assert scope("blur", found).admitted.high == 0
    assert claim_of(found, "nuisance.light.gain").verdict == "holds"


def test_no_drop_counts_without_the_clean_arm_it_is_paired_with():
    found = with_cells(lambda cell: None if cell.suite == "planning" else cell)

    assert scope("blur", found).admitted.high == 0
    assert claim_of(found, "nuisance.background.color").verdict == "unknown"


def test_leaving_the_failing_cells_out_does_not_make_a_class_hold():
    def is_failing(condition):
        return (
            condition.get("nuisance") == "agent.color"
            and condition.get("strength") == 1.0
            and "frames" in condition
        )

    base = measurements()
    found = base.model_copy(
        update={
            "cells": [cell for cell in base.cells if not is_failing(cell.condition)],
            "summaries": [one for one in base.summaries if not is_failing(one.condition)],
        }
    )

    claim = claim_of(found, "nuisance.agent.color")

    assert claim.verdict == "unknown"
    assert "strength 1 was not run in closed loop" in claim.reason
    assert scope("agent.color", found).admitted.high == 20


def test_a_loud_failure_at_the_weakest_strength_says_nothing_of_weaker_ones():
    weakest = {"nuisance": "agent.color", "strength": 0.4}
    found = replaced(
        "nuisance_shift/success_drop",
        lambda one: with_interval(0.4, 0.5, 0.6)(one).model_copy(update={"p_holm": 0.001}),
        **weakest,
    )
    found = replaced(
        "nuisance_shift/closed_loop_alarm_rate", with_interval(0.9, 0.95, 0.99), found, **weakest
    )
    criteria = found.plan.criteria
    ladder = {**criteria.nuisances, "agent.color": [0.4, 1.0]}

    claim = claim_of(
        found, "nuisance.agent.color", criteria.model_copy(update={"nuisances": ladder})
    )

    assert claim.outcome == "fails_loudly"
    assert "what is weaker was not run and may fail silently" in claim.reason
