"""What a nuisance off nominal takes with it, though it stays inside what is admitted."""

import pytest

from envelope.draft import draft
from envelope.records import Range
from envelope.triggers import make_triggers
from envelope.verdict_text import text_of
from tests.envelope.builders import example_envelope, measurements
from tests.envelope.judging import checked, replaced, template_data, with_interval

QUIET, ALARMS = "monitor.surprise.quiet_under_nuisance", "monitor.surprise.false_alarms"
BLUR = "input_scope.nuisance.blur"


def judged(**verdicts):
    """The made-up record with these verdicts, underscores for dots, and its triggers anew."""
    record = example_envelope()
    claims = [
        claim.model_copy(
            update={"verdict": verdicts.get(claim.id.replace(".", "_"), claim.verdict)}
        )
        for claim in record.claims
    ]
    scope = record.input_scope.nuisance
    triggers = make_triggers(claims, record.planner_scope, scope, record.monitors)
    return record.model_copy(update={"claims": claims, "revalidation_triggers": triggers})


def boxed(record, scale):
    box = record.input_scope.model_copy(update={"joint": True, "joint_scale": scale})
    return record.model_copy(update={"input_scope": box})


def off(record, *relied_on, **amounts):
    data = template_data(record)
    data["relies_on"] = list(relied_on or data["relies_on"])
    amounts = {name.replace("_", "."): of for name, of in amounts.items()}
    data["input_scope"]["nuisance"].update(amounts)
    return checked(data, envelope=record)


def lapsed(verdict):
    return {one.subject for one in verdict.reasons if one.code == "claim_lapsed"}


def test_alarms_under_a_harmless_nuisance_end_reliance_on_a_quiet_monitor():
    loud = replaced(
        "nuisance_shift/closed_loop_alarm_rate",
        with_interval(0.90, 0.95, 0.99),
        nuisance="agent.color",
        strength=0.4,
    )
    verdict = off(draft(loud), agent_color={"max_delta_e": 20})

    assert verdict.exit_status == 1
    assert {ALARMS, "monitor.shell.false_alarms"} <= lapsed(verdict)
    assert all(one.status == "inside" for one in verdict.fields)
    said = next(one.message for one in verdict.reasons if one.subject == ALARMS)
    assert said.startswith(
        "lapsed by input_scope.nuisance.agent.color; what is declared is admitted"
    )


def test_off_nominal_only_what_was_shown_under_nuisances_stays():
    record = judged(monitor_surprise_quiet_under_nuisance="holds")
    verdict = off(record, blur={"max_px": 1})
    relied_on = set(template_data(record)["relies_on"])

    assert verdict.exit_status == 1
    assert relied_on - lapsed(verdict) == {
        one
        for one in relied_on
        if one == "planning.success"
        or one.startswith(("nuisance.", "worst_case."))
        or one.endswith((".false_alarms", ".quiet_under_nuisance"))  # both monitors were quiet
    }
    assert "monitor.surprise.teleport" in lapsed(verdict)
    assert verdict.run_again.suites == []


@pytest.mark.parametrize(("quiet", "status"), [("holds", 0), ("unknown", 1), ("fails", 1)])
def test_false_alarms_stay_only_with_a_monitor_that_was_shown_to_be_quiet(quiet, status):
    record = judged(monitor_surprise_quiet_under_nuisance=quiet)

    assert off(record, ALARMS, blur={"max_px": 1}).exit_status == status
    assert off(record, ALARMS, blur={"max_px": 0}).exit_status == 0
    assert off(record, "planning.success", blur={"max_px": 1}).exit_status == 0


def test_the_first_line_says_that_it_is_outside_though_every_field_is_admitted():
    record = judged(monitor_surprise_quiet_under_nuisance="fails")

    first = text_of(off(record, ALARMS, blur={"max_px": 1})).splitlines()[0]
    assert first.startswith("OUTSIDE by relies_on: every field is admitted")


def test_at_nominal_nothing_lapses():
    assert off(example_envelope()).exit_status == 0


def test_no_claim_says_what_monitors_do_under_several_nuisances_at_once():
    record = boxed(judged(monitor_surprise_quiet_under_nuisance="holds"), 1.0)
    amounts = {"blur": {"max_px": 1}, "background_color": {"max_delta_e": 4}}

    assert off(record, "planning.success", **amounts).exit_status == 0
    verdict = off(record, "planning.success", ALARMS, QUIET, **amounts)
    assert lapsed(verdict) == {ALARMS, QUIET}


@pytest.mark.parametrize("name", ["nuisance.joint", "worst_case.joint"])
def test_beyond_the_box_what_was_shown_in_it_lapses(name):
    holding = judged(nuisance_joint="holds", worst_case_joint="holds")
    half, full = boxed(holding, 0.5), boxed(holding, 1.0)

    assert off(half, name, background_color={"max_delta_e": 4}).exit_status == 0
    verdict = off(half, name, "planning.success", background_color={"max_delta_e": 8})
    assert lapsed(verdict) == {name}
    assert off(full, name, background_color={"max_delta_e": 8}).exit_status == 0


# --- classes that the record lacks --------------------------------------------------------------


def unshifted():
    """The record of the same run without its nuisances."""
    base = measurements()
    gone = ("nuisance_shift", "worst_case")
    plan = base.plan.model_copy(
        update={"suites": [one for one in base.plan.suites if one not in gone]}
    )
    kept = {
        "plan": plan,
        "cells": [one for one in base.cells if one.suite not in gone],
        "summaries": [one for one in base.summaries if one.suite not in gone],
    }
    return draft(base.model_copy(update=kept))


def with_nuisances(record, nuisances):
    data = template_data(record)
    data["input_scope"]["nuisance"] = nuisances
    return checked(data, envelope=record)


def test_less_evidence_asks_for_no_fewer_declarations():
    record = unshifted()
    asked = {f"input_scope.nuisance.{name}" for name in record.criteria.nuisances}
    data = template_data(record)
    del data["input_scope"]["nuisance"]
    silent = checked(data, envelope=record)

    assert {"input_scope.nuisance", *asked} <= {
        one.subject for one in silent.reasons if one.code == "field_undeclared"
    }
    assert with_nuisances(record, {}).exit_status == 1
    assert checked(envelope=record).exit_status == 0


@pytest.mark.parametrize(
    ("amounts", "status"),
    [({}, 0), ({"max_px": 0}, 0), ({"max_px": 0.1}, 1), ({"min": 1, "max": 1}, 0)],
)
def test_a_class_that_was_not_measured_is_inside_at_nominal_alone(amounts, status):
    record = unshifted()
    at_nominal = template_data(record)["input_scope"]["nuisance"]

    assert with_nuisances(record, {**at_nominal, "blur": amounts}).exit_status == status


def test_a_class_that_nobody_asked_about_is_unmeasured_even_at_nominal():
    record = unshifted()
    at_nominal = template_data(record)["input_scope"]["nuisance"]

    assert with_nuisances(record, {**at_nominal, "rain": {}}).exit_status == 1


def test_without_any_class_silence_about_nuisances_is_undeclared():
    record = unshifted()
    criteria = record.criteria.model_copy(update={"nuisances": {}})
    record = record.model_copy(update={"criteria": criteria})
    data = template_data(record)
    assert checked(data, envelope=record).exit_status == 0
    del data["input_scope"]["nuisance"]

    reasons = checked(data, envelope=record).reasons

    assert ("field_undeclared", "input_scope.nuisance") in [(r.code, r.subject) for r in reasons]


def test_the_range_of_a_class_without_one_has_a_single_trigger():
    record = example_envelope()
    scope = {
        "blur": record.input_scope.nuisance["blur"].model_copy(
            update={"admitted": Range(low=0, high=0)}
        )
    }
    found = make_triggers(record.claims, record.planner_scope, scope, [])

    assert [one.comparison for one in found if one.field == BLUR] == ["subset"]
