"""Triggers say which change takes which claims, and nothing more."""

import pytest

from envelope.fields import covers
from tests.envelope.builders import example_envelope


def triggers(field):
    return [one for one in example_envelope().revalidation_triggers if one.field == field]


def lapsing(field):
    return {claim for trigger in triggers(field) for claim in trigger.claims}


def test_other_weights_take_everything():
    assert lapsing("model_state.tensor_digest") == {c.id for c in example_envelope().claims}


def test_a_trigger_takes_exactly_the_claims_that_rest_on_its_field():
    for trigger in example_envelope().revalidation_triggers:
        resting = {c.id for c in example_envelope().claims if covers(c.rests_on, trigger.field)}
        assert lapsing(trigger.field) == resting, trigger.field


def test_every_field_that_a_claim_rests_on_has_a_trigger():
    fields = {trigger.field for trigger in example_envelope().revalidation_triggers}
    for claim in example_envelope().claims:
        for path in claim.rests_on:
            assert any(covers([path], field) for field in fields), (claim.id, path)


def test_a_longer_horizon_takes_planning_and_drift_and_brings_exploitation_in():
    within, at_most = triggers("planner_scope.horizon")

    assert "planning.success" in within.claims
    assert "drift.usable_horizon" not in within.claims
    assert (within.comparison, at_most.comparison) == ("within", "at_most")
    assert at_most.claims == ["drift.usable_horizon"]
    assert at_most.brings_in == ["drift.usable_horizon", "exploitation.more_search"]


def test_a_threshold_takes_the_claims_of_its_monitor_alone():
    found = lapsing("monitors.surprise.threshold")

    assert found == {c.id for c in example_envelope().claims if c.id.startswith("monitor.surprise")}


def test_a_nuisance_beyond_its_range_takes_success_with_it():
    found = lapsing("input_scope.nuisance.blur")

    assert {"nuisance.blur", "planning.success", "monitor.surprise.teleport"} <= found


def test_any_batch_needs_no_trigger():
    assert triggers("planner_scope.conventions.solver_batch") == []


@pytest.mark.parametrize("trigger", example_envelope().revalidation_triggers, ids=lambda t: t.field)
def test_a_trigger_has_all_its_parts(trigger):
    assert trigger.suites
    assert trigger.acceptance
    assert trigger.reason.endswith(".")
    assert trigger.claims or trigger.brings_in
