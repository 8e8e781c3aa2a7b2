"""Ranges of the planner scope: what admits them, what ends them, and what stays inside them."""

from types import SimpleNamespace

import pytest

from envelope.claims import make_claims
from envelope.claims.planner_ranges import Ranges, replanning_sooner
from envelope.criteria import default_criteria
from envelope.draft import draft
from envelope.records import Range
from envelope.triggers import make_triggers
from tests.envelope.builders import crashed, measurements
from tests.envelope.builders.pieces import MONITORS, cell, estimate, measurement
from tests.envelope.builders.searching import pressed, run_with
from tests.envelope.judging import (
    checked,
    claim_of,
    replaced,
    template_data,
    with_cells,
    with_interval,
)

FIELD = "planner_scope.num_samples"


def ranges(*searches):
    admitted = make_claims(run_with(*searches), default_criteria()).planner_admitted
    return {name: (one.low, one.high) for name, one in admitted.items() if "offset" not in name}


MORE, LESS = (
    pressed("num_samples_times_4", num_samples=800),
    pressed("num_samples_by_4", num_samples=50),
)


def test_a_range_goes_from_the_smallest_to_the_largest_value_that_kept_success():
    sooner = [
        pressed("replan_every_block", execute_blocks=1),
        pressed("replan_halfway", execute_blocks=3),
        pressed("replan_a_block_sooner", execute_blocks=4),
    ]
    budget = pressed("budget_times_2", budget_env_steps=100)

    assert ranges(MORE, LESS, *sooner, budget) == {
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


SOONER = {"replan_every_block": 1, "replan_halfway": 3, "replan_a_block_sooner": 4}


@pytest.mark.parametrize("gone", SOONER)
def test_a_value_that_had_to_be_run_and_is_gone_ends_a_range_as_a_failing_one_does(gone):
    kept = {name: pressed(name, execute_blocks=blocks) for name, blocks in SOONER.items()}
    failing = pressed(gone, execute_blocks=SOONER[gone], drop=0.3)
    others = [one for name, one in kept.items() if name != gone]

    assert ranges(*kept.values()) == {"execute_blocks": (1, 5)}
    assert ranges(*others) == ranges(failing, *others)


@pytest.mark.parametrize("own", range(1, 8))
def test_how_soon_is_replanned_is_what_the_suite_runs(own):
    from perturbations.suites.searches import pressures

    config = SimpleNamespace(num_samples=9, elites=3, iterations=2, execute_blocks=own)
    run = [of["execute_blocks"] for of in pressures(config, 50).values() if "execute_blocks" in of]

    assert replanning_sooner(own) == set(run)


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

    assert "with 50 to 800 samples." in success.statement
    assert "exploitation/success_change[num_samples=800,pressure=num_samples_times_4]" in (
        success.evidence
    )
    for monitor in MONITORS:
        claim = claim_of(found, f"monitor.{monitor}.false_alarms")
        assert "not seen to be more with 50 to 800 samples" in claim.statement


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


# --- goal offsets -------------------------------------------------------------------------------

OFFSET = "conventions.goal_offset_env_steps"


def offsets_with(**rates):
    """The admitted goal offsets where success at some has another interval, all at one budget."""

    def at_one_budget(one):
        if "goal_offset_env_steps" not in one.condition:
            return one
        return one.model_copy(update={"condition": {**one.condition, "budget_env_steps": 50}})

    found = with_cells(at_one_budget)
    for offset, interval in rates.items():
        found = replaced(
            "horizon_drift/success_by_offset",
            with_interval(*interval),
            base=found,
            goal_offset_env_steps=int(offset.removeprefix("at_")),
        )
    admitted = make_claims(found, default_criteria()).planner_admitted.get(OFFSET)
    return admitted and (admitted.low, admitted.high)


GOOD, OPEN = (0.85, 0.9, 0.95), (0.7, 0.82, 0.9)


@pytest.mark.parametrize(
    ("rates", "admitted"),
    [
        ({}, (15, 25)),
        ({"at_15": OPEN}, None),
        ({"at_15": OPEN, "at_35": GOOD}, (25, 35)),
        ({"at_35": GOOD}, (15, 35)),
        ({"at_25": OPEN, "at_35": GOOD}, None),
    ],
)
def test_goal_offsets_are_admitted_outward_on_each_side(rates, admitted):
    assert offsets_with(**rates) == admitted


# --- what else rests on a value that was run ----------------------------------------------------


def test_menus_rest_on_the_goal_distance_that_they_were_asked_at():
    found = make_claims(run_with(), default_criteria()).claims
    menus = [
        one for one in found if one.id in ("exploitation.optimism_gap", "exploitation.elite_rank")
    ]

    assert len(menus) == 2
    for claim in menus:
        assert f"planner_scope.{OFFSET}" in claim.rests_on

    holding = [
        one.model_copy(update={"verdict": "holds"}) if one in menus else one for one in found
    ]
    record = draft(run_with())
    triggers = make_triggers(holding, record.planner_scope, {}, [])
    record = record.model_copy(update={"claims": holding, "revalidation_triggers": triggers})
    data = template_data(record)
    data["relies_on"] = [one.id for one in menus]
    assert checked(data, envelope=record).exit_status == 0
    data["planner_scope"]["conventions"]["goal_offset_env_steps"] = 15
    verdict = checked(data, envelope=record)
    assert [one.code for one in verdict.reasons] == ["claim_lapsed", "claim_lapsed"]


def test_detections_lapse_off_the_budget_that_the_episodes_had():
    record = draft(run_with(pressed("budget_times_2", budget_env_steps=100)))
    data = template_data(record)
    data["relies_on"] = ["monitor.surprise.teleport", "monitor.surprise.false_alarms"]
    assert checked(data, envelope=record).exit_status == 0
    data["planner_scope"]["conventions"]["budget_env_steps"] = 100

    reasons = checked(data, envelope=record).reasons

    assert [(one.code, one.subject) for one in reasons] == [
        ("claim_lapsed", "monitor.surprise.teleport")
    ]


# --- whose menus --------------------------------------------------------------------------------


def with_menus(*kinds):
    """The made-up run with a promise of the planner's own menus, and a cell of each kind."""
    base = run_with()
    cells = [
        cell(
            "exploitation",
            "model",
            "gap_elite",
            0.5,
            20,
            asks="menus",
            **({"planner_kind": kind} if kind else {}),
        )
        for kind in kinds
    ]
    said = measurement("exploitation/optimism_gap", estimate(0.01, 0.005), stage="elite")
    return base.model_copy(
        update={"cells": [*base.cells, *cells], "summaries": [*base.summaries, said]}
    )


def test_only_the_own_menus_of_a_planner_are_behind_what_it_promises():
    own, another = with_menus(""), with_menus("mppi")
    both = with_menus("", "mppi")
    broken = [crashed(one) if one.condition.get("planner_kind") else one for one in both.cells]

    assert claim_of(own, "exploitation.optimism_gap").verdict == "holds"
    assert claim_of(another, "exploitation.optimism_gap").verdict == "unknown"
    left = both.model_copy(update={"cells": broken})
    assert claim_of(left, "exploitation.optimism_gap").verdict == "holds"


def test_only_several_ranges_are_said_to_hold_one_at_a_time():
    samples, iterations = Range(low=64, high=256), Range(low=2, high=5)

    one = Ranges({"num_samples": samples}, ())
    two = Ranges({"num_samples": samples, "iterations": iterations}, ())

    assert one.words() == "64 to 256 samples"
    assert two.words() == "64 to 256 samples, 2 to 5 iterations, one at a time"
