"""Ranges of the planner scope: what admits them, what ends them, and what stays inside them."""

import pytest

from envelope.claims import make_claims
from envelope.criteria import default_criteria
from envelope.draft import draft
from tests.envelope.builders import measurements, share
from tests.envelope.builders.pieces import MONITORS, NUM_CASES, cell, estimate, measurement
from tests.envelope.judging import checked, claim_of, template_data

FIELD = "planner_scope.num_samples"


def pressed(name, *, drop=0.0, success=0.86, alarms=0.04, **changed):
    """A search with something changed, and what is said about it."""
    about = {"pressure": name, **changed}
    condition = {"loop": "closed", "budget_env_steps": 50, **about}
    one = cell("exploitation", "model", "success", success, NUM_CASES, **condition)
    change = estimate(-drop, 0.06, interval="newcombe")
    return one, [
        measurement("exploitation/success", share(success), about),
        measurement("exploitation/success_change", change, about, p_holm=0.7),
        *(
            measurement("exploitation/alarm_rate", share(alarms), about, monitor=monitor)
            for monitor in MONITORS
        ),
    ]


def run_with(*searches):
    """The made-up run with these searches; its planner has 200 samples, 10 iterations, 5 blocks."""
    base = measurements()
    plan = base.plan.model_copy(update={"suites": [*base.plan.suites, "exploitation"]})
    return base.model_copy(
        update={
            "plan": plan,
            "cells": [*base.cells, *(one for one, _ in searches)],
            "summaries": [*base.summaries, *(m for _, found in searches for m in found)],
        }
    )


def ranges(*searches):
    admitted = make_claims(run_with(*searches), default_criteria()).planner_admitted
    return {name: (one.low, one.high) for name, one in admitted.items() if "offset" not in name}


MORE, LESS = (
    pressed("num_samples_times_4", num_samples=800),
    pressed("num_samples_by_4", num_samples=50),
)


def test_a_range_goes_from_the_smallest_to_the_largest_value_that_kept_success():
    sooner = pressed("replan_every_block", execute_blocks=1)
    budget = pressed("budget_times_2", budget_env_steps=100)

    assert ranges(MORE, LESS, sooner, budget) == {
        "num_samples": (50, 800),
        "execute_blocks": (1, 5),
        "conventions.budget_env_steps": (50, 100),
    }


@pytest.mark.parametrize(
    "unsound",
    [
        {"drop": 0.09},
        {"drop": 0.3, "success": 0.56},
        {"success": 0.78},
        {"alarms": 0.2},
    ],
)
def test_lost_success_or_alarms_end_a_range(unsound):
    worse = pressed("num_samples_by_4", num_samples=50, **unsound)

    assert ranges(MORE, worse) == {"num_samples": (200, 800)}


def test_a_range_ends_before_a_value_between_that_lost_success():
    between = pressed("replan_halfway", execute_blocks=3, drop=0.3)
    sooner = pressed("replan_every_block", execute_blocks=1)

    assert ranges(between, sooner) == {}


def test_what_is_missing_of_a_search_admits_nothing():
    one, found = MORE
    unwatched = [m for m in found if m.quantity != "alarm_rate"]
    without_rows = one.model_copy(update={"rows": {}})
    between, judged = pressed("num_samples_times_2", num_samples=400, drop=0.3)

    assert ranges((one, unwatched)) == {}
    assert ranges((without_rows, found)) == {}
    assert ranges((one, [])) == {}
    assert ranges(MORE, (without_rows.model_copy(update={"condition": {}}), judged)) == {}
    assert ranges(MORE, (between, [])) == {}


def test_without_monitors_nothing_is_known_of_their_alarms():
    found = run_with(MORE).model_copy(update={"monitors": []})

    admitted = make_claims(found, default_criteria()).planner_admitted

    assert "num_samples" not in admitted


def test_the_claims_that_stay_say_what_was_shown():
    found = run_with(MORE, LESS)
    success = claim_of(found, "planning.success")

    assert "with num_samples 50 to 800, one at a time" in success.statement
    assert "exploitation/success_change[num_samples=800,pressure=num_samples_times_4]" in (
        success.evidence
    )
    for monitor in MONITORS:
        claim = claim_of(found, f"monitor.{monitor}.false_alarms")
        assert "not seen to be more with num_samples 50 to 800" in claim.statement


def off(record, *relied_on, **changed):
    data = template_data(record)
    data["relies_on"] = list(relied_on)
    data["planner_scope"].update(changed)
    return checked(data, envelope=record)


def test_inside_a_range_only_what_was_shown_on_it_stays():
    record = draft(run_with(MORE, LESS))

    assert off(record, "planning.success", num_samples=400).exit_status == 0
    assert off(record, "planning.success", num_samples=801).exit_status == 1
    verdict = off(record, "planning.success", "planning.above_floor", num_samples=400)
    (reason,) = verdict.reasons
    assert (reason.code, reason.subject) == ("claim_lapsed", "planning.above_floor")
    assert next(one for one in verdict.fields if one.field == FIELD).status == "inside"
    assert verdict.run_again.suites


def test_a_shorter_look_ahead_cannot_drift_farther():
    record = draft(measurements())

    def lapsed(**changed):
        verdict = off(record, "drift.usable_horizon", **changed)
        return [one.subject for one in verdict.reasons if one.code == "claim_lapsed"]

    assert lapsed(horizon=4) == []
    assert lapsed(horizon=6) == ["drift.usable_horizon"]


@pytest.mark.parametrize("num_samples", [100, 400])
def test_any_other_search_brings_about_other_episodes_to_drift_on(num_samples):
    record = draft(run_with(MORE, LESS))

    verdict = off(record, "drift.usable_horizon", num_samples=num_samples)

    assert [one.code for one in verdict.reasons] == ["claim_lapsed"]
    fired = [one for one in record.revalidation_triggers if one.field == FIELD]
    assert [one.comparison for one in fired if "drift.usable_horizon" in one.claims] == ["equal"]


def test_two_fields_at_once_are_a_second_axis():
    record = draft(run_with(MORE, pressed("iterations_by_2", iterations=5)))

    verdict = off(record, "planning.success", num_samples=400, iterations=6)

    assert [one.code for one in verdict.reasons] == ["second_axis_unmeasured", "claim_lapsed"]


def test_options_of_a_planner_are_declared_where_there_are_any():
    base = draft(measurements())
    options = base.planner_scope.model_copy(update={"options": {"momentum": 0.2}})
    record = base.model_copy(update={"planner_scope": options})

    assert template_data(record)["planner_scope"]["options"] == {"momentum": 0.2}
    assert "options" not in template_data(base)["planner_scope"]
    assert off(record, "planning.success").exit_status == 0
    assert off(record, "planning.success", options={"momentum": 0.3}).exit_status == 1
    assert off(base, "planning.success", options={"momentum": 0.2}).exit_status == 1


def test_options_at_their_default_leave_no_trace_in_a_record():
    assert "options" not in draft(measurements()).model_dump(mode="json")["planner_scope"]
