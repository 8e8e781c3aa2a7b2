"""Each rule of the claims at its edges, by the ends of an interval."""

import pytest

from envelope.claims import make_claims
from envelope.criteria import default_criteria
from envelope.errors import BadFile
from tests.envelope.builders import SUITES, crashed, estimate, measurements, nuisance_condition
from tests.envelope.judging import claim_of, replaced, with_cells, with_interval


def drop(_):
    return None


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.74, 0.9, "holds"), (0.7399, 0.9, "unknown"), (0.6, 0.74, "unknown"), (0.6, 0.7, "fails")],
)
def test_success_is_judged_by_the_ends_of_its_interval(low, high, verdict):
    found = replaced("planning/success", with_interval(low, 0.7, high), arm="model")

    assert claim_of(found, "planning.success").verdict == verdict


def test_a_reason_carries_the_figures_that_decided():
    assert claim_of(measurements(), "planning.success").reason == (
        "success 0.86 [0.81, 0.91], 104 cases, 3 streams; needed >= 0.74"
    )


def test_a_reason_shows_as_many_digits_as_tell_it_from_the_limit():
    found = replaced("planning/success", with_interval(0.7396, 0.8, 0.9), arm="model")

    assert "[0.7396, 0.9000]" in claim_of(found, "planning.success").reason


def test_a_planned_stream_without_a_summary_leaves_success_open():
    found = replaced("planning/success_by_stream", drop, stream=1)

    claim = claim_of(found, "planning.success")

    assert (claim.verdict, claim.outcome) == ("unknown", "not_measured")
    assert "2 of 3" in claim.reason


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.001, 0.2, "holds"),
        (0.001, 0.09, "holds"),
        (-0.01, 0.2, "unknown"),
        (-0.09, 0.1, "unknown"),
        (-0.09, 0.09, "fails"),
        (-0.2, 0.0, "fails"),
    ],
)
def test_the_floor_needs_a_gain_over_both_references(low, high, verdict):
    found = replaced("planning/success_gain", with_interval(low, low, high), over="untrained_twin")

    assert claim_of(found, "planning.above_floor").verdict == verdict


def test_every_claim_of_the_criteria_is_there_when_nothing_was_measured():
    full = {claim.id for claim in make_claims(measurements(), default_criteria()).claims}
    empty = measurements().model_copy(update={"cells": [], "summaries": []})

    judged = make_claims(empty, default_criteria())

    assert {claim.id for claim in judged.claims} == full
    assert {(claim.verdict, claim.outcome) for claim in judged.claims} == {
        ("unknown", "not_measured")
    }
    listed = {one.what for one in judged.not_measured}
    assert full - listed == {"nuisance.joint"}
    assert "several nuisances at once" in listed
    assert all(one.settle for one in judged.not_measured)


@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_that_was_not_planned_leaves_its_claims_open(suite):
    base = measurements()
    others = [name for name in SUITES if name != suite]
    without = base.model_copy(
        update={
            "plan": base.plan.model_copy(update={"suites": others}),
            "cells": [cell for cell in base.cells if cell.suite != suite],
            "summaries": [one for one in base.summaries if one.suite != suite],
        }
    )

    claims = [c for c in make_claims(without, default_criteria()).claims if suite in c.suites]

    assert claims
    assert {claim.outcome for claim in claims} == {"not_measured"}
    assert {claim.verdict for claim in claims} == {"unknown"}


@pytest.mark.parametrize("suite", SUITES)
def test_a_crash_is_unknown_and_never_a_finding(suite):
    found = with_cells(lambda cell: crashed(cell) if cell.suite == suite else cell)

    claims = [c for c in make_claims(found, default_criteria()).claims if suite in c.suites]

    assert {claim.verdict for claim in claims} == {"unknown"}
    assert {claim.outcome for claim in claims} == {"crashed"}
    assert all("out of memory" in claim.reason for claim in claims)


def test_cells_without_rows_are_no_evidence():
    found = with_cells(lambda cell: cell.model_copy(update={"rows": {"success": []}}))

    verdicts = {claim.verdict for claim in make_claims(found, default_criteria()).claims}

    assert verdicts == {"unknown"}


def test_two_summaries_with_one_id_are_refused():
    base = measurements()
    forged = base.model_copy(update={"summaries": [*base.summaries, base.summaries[0]]})

    with pytest.raises(BadFile, match=r"two summaries called planning/success\[arm=model\]"):
        make_claims(forged, default_criteria())


def test_changed_criteria_are_disclosed():
    softer = default_criteria().model_copy(update={"success_at_least": 0.5})

    judged = make_claims(measurements(), softer)

    assert any("success_at_least" in one.reason for one in judged.not_measured)


# --- drift --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.3, 0.5, "holds"), (0.4, 0.6, "unknown"), (0.501, 0.6, "unknown"), (0.55, 0.6, "fails")],
)
@pytest.mark.parametrize("horizon", [1, 3, 5])
def test_drift_is_judged_at_every_horizon_up_to_the_planners(low, high, verdict, horizon):
    found = replaced("horizon_drift/drift_ratio", with_interval(low, high, high), horizon=horizon)

    claim = claim_of(found, "drift.usable_horizon")

    assert claim.verdict == verdict
    assert (claim.estimate.low >= 5) == (verdict == "holds")
    assert verdict == "holds" or f"at {horizon} model steps, the worst up to 5" in claim.reason


def test_drift_beyond_the_horizon_of_the_planner_is_not_asked_about():
    found = replaced("horizon_drift/drift_ratio", with_interval(0.8, 0.9, 1.0), horizon=6)

    assert claim_of(found, "drift.usable_horizon").verdict == "holds"


@pytest.mark.parametrize("asks", ["probes", "ranking"])
def test_what_only_describes_drift_does_not_decide_the_usable_horizon(asks):
    broken = with_cells(lambda c: crashed(c) if c.condition.get("asks") == asks else c)
    as_it_was = claim_of(measurements(), "drift.usable_horizon")

    assert claim_of(broken, "drift.usable_horizon") == as_it_was


def test_the_usable_horizon_ends_at_the_first_ratio_beyond_the_limit():
    found = replaced("horizon_drift/drift_ratio", with_interval(0.55, 0.6, 0.65), horizon=3)

    usable = claim_of(found, "drift.usable_horizon").estimate

    assert usable is not None
    assert (usable.low, usable.value, usable.high) == (2, 2, 2)


def test_goal_offsets_are_admitted_up_to_the_last_that_kept_success():
    judged = make_claims(measurements(), default_criteria())

    admitted = judged.planner_admitted["conventions.goal_offset_env_steps"]

    assert (admitted.low, admitted.high) == (15, 25)
    assert claim_of(measurements(), "drift.goal_offset").verdict == "fails"


def test_no_goal_offset_is_admitted_where_the_nominal_one_fails():
    found = replaced(
        "horizon_drift/success_by_offset",
        with_interval(0.4, 0.5, 0.6),
        goal_offset_env_steps=25,
    )

    assert make_claims(found, default_criteria()).planner_admitted == {}


def test_a_goal_reached_with_a_larger_budget_is_not_admitted_under_the_smaller_one():
    found = replaced(
        "horizon_drift/success_by_offset", with_interval(0.8, 0.9, 0.95), goal_offset_env_steps=35
    )

    judged = make_claims(found, default_criteria())

    assert claim_of(found, "drift.goal_offset").verdict == "holds"
    assert judged.planner_admitted["conventions.goal_offset_env_steps"].high == 25


def test_a_goal_distance_at_which_a_monitor_alarms_too_often_is_not_admitted():
    found = replaced(
        "horizon_drift/alarm_rate_by_offset",
        with_interval(0.06, 0.15, 0.25),
        goal_offset_env_steps=15,
        monitor="shell",
    )

    assert make_claims(found, default_criteria()).planner_admitted == {}


# --- what a nuisance looks like when it contradicts itself --------------------------------------


def test_a_measurement_under_a_nuisance_has_to_say_its_amount():
    found = replaced(
        "nuisance_shift/displacement",
        lambda one: one.model_copy(
            update={"condition": {k: v for k, v in one.condition.items() if k != "amount"}}
        ),
        **nuisance_condition("blur", "isotropic", 0.2),
    )

    with pytest.raises(BadFile, match="does not say its amount"):
        make_claims(found, default_criteria())


def test_an_interval_that_straddles_says_how_many_episodes_would_settle_it():
    found = replaced("planning/success", with_interval(0.70, 0.80, 0.90), arm="model")

    # The lower half of the interval, 0.10, has to shrink to 0.06 with room for chance on the other
    # side: 104 * (0.10 / 0.06 * 2.802 / 1.96)^2 cases.
    assert "about 591 episodes would settle it" in claim_of(found, "planning.success").reason


def test_a_share_of_ceiling_compares_with_its_own_limit():
    half = estimate(0.84, 0.05)
    found = replaced(
        "planning/share_of_ceiling", lambda one: one.model_copy(update={"estimate": half})
    )

    assert claim_of(found, "planning.share_of_ceiling").verdict == "unknown"
