"""Field by field: inside, outside, unmeasured or undeclared."""

import pytest

from envelope.scope import compare_scope
from tests.envelope.builders import example_envelope
from tests.envelope.judging import changed, checked, deployment, removed, template_data

NUISANCE = ("input_scope", "nuisance")


def status(data, field, envelope=None):
    found = compare_scope(envelope or example_envelope(), deployment(data))
    return next(one for one in found if one.field == field)


def with_amounts(**amounts):
    data = template_data()
    data["input_scope"]["nuisance"].update(
        {name.replace("_", "."): amount for name, amount in amounts.items()}
    )
    return data


@pytest.mark.parametrize(
    ("amount", "expected"),
    [(0, "inside"), (7.5, "inside"), (8, "inside"), (8.001, "outside"), (100, "outside")],
)
def test_an_amount_is_inside_up_to_the_admitted_end(amount, expected):
    data = with_amounts(background_color={"max_delta_e": amount})

    assert status(data, "input_scope.nuisance.background.color").status == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(1, 1, "inside"), (0.5, 1.5, "inside"), (0.9, 1.6, "outside"), (0.4, 1, "outside")],
)
def test_a_gain_is_inside_between_both_ends(low, high, expected):
    data = with_amounts(light_gain={"min": low, "max": high})

    assert status(data, "input_scope.nuisance.light.gain").status == expected


def test_a_class_never_run_in_closed_loop_is_unmeasured():
    data = with_amounts(camera_shift={"max_px": 1})

    assert status(data, "input_scope.nuisance.camera.shift").status == "unmeasured"


def test_a_class_the_record_does_not_know_is_unmeasured():
    data = with_amounts(rain={"max_mm": 1})

    assert status(data, "input_scope.nuisance.rain").status == "unmeasured"
    assert checked(data).exit_status == 1


def test_a_second_axis_off_nominal_is_unmeasured():
    data = with_amounts(background_color={"max_delta_e": 4}, blur={"max_px": 1})

    assert status(data, "input_scope.nuisance.background.color").status == "inside"
    second = status(data, "input_scope.nuisance.blur")
    assert (second.status, second.is_second_axis) == ("unmeasured", True)


def test_a_planner_axis_counts_as_an_axis_too():
    data = with_amounts(blur={"max_px": 1})
    data["planner_scope"]["conventions"]["goal_offset_env_steps"] = 20

    field = "planner_scope.conventions.goal_offset_env_steps"
    assert status(data, field).status == "unmeasured"


def test_a_joint_cell_admits_all_nuisances_together():
    record = example_envelope()
    scope = record.input_scope.model_copy(update={"joint": True})
    record = record.model_copy(update={"input_scope": scope})
    data = with_amounts(background_color={"max_delta_e": 4}, blur={"max_px": 1})
    data["relies_on"] = ["planning.success"]

    assert checked(data, envelope=record).exit_status == 0


@pytest.mark.parametrize(
    ("offset", "expected"),
    [(14, "outside"), (15, "inside"), (20, "inside"), (25, "inside"), (26, "outside")],
)
def test_a_goal_offset_is_inside_its_admitted_range(offset, expected):
    data = template_data()
    data["planner_scope"]["conventions"]["goal_offset_env_steps"] = offset

    field = "planner_scope.conventions.goal_offset_env_steps"
    assert status(data, field).status == expected


def test_a_recorded_batch_counts_unless_any_batch_will_do():
    data = template_data()
    data["planner_scope"]["conventions"]["solver_batch"] = "64"
    record = example_envelope()
    conventions = record.planner_scope.conventions.model_copy(update={"solver_batch": "1"})
    planner = record.planner_scope.model_copy(update={"conventions": conventions})

    field = "planner_scope.conventions.solver_batch"
    assert status(data, field).status == "inside"
    fixed = record.model_copy(update={"planner_scope": planner})
    assert status(data, field, fixed).status == "outside"


def test_factors_off_their_default_have_to_be_declared():
    record = example_envelope()
    scope = record.input_scope.model_copy(update={"factors": {"wall.width": 12}})
    record = record.model_copy(update={"input_scope": scope})
    data = template_data(record)

    assert status(data, "input_scope.factors", record).status == "inside"
    without = changed(data, ("input_scope", "factors"), removed)
    assert status(without, "input_scope.factors", record).status == "undeclared"


def test_a_monitor_is_needed_only_by_claims_that_are_relied_on():
    data = template_data()
    data["monitors"] = [one for one in data["monitors"] if one["name"] == "surprise"]

    assert checked(data).exit_status == 1
    data["relies_on"] = [name for name in data["relies_on"] if "shell" not in name]
    assert checked(data).exit_status == 0


def test_a_monitor_the_record_does_not_know_is_unmeasured():
    data = template_data()
    data["monitors"].append({"name": "hunch", "threshold": 1.0, "false_alarms_per_episode": 0.05})

    assert status(data, "monitors.hunch").status == "unmeasured"


@pytest.mark.parametrize(
    ("action", "expected"),
    [("stop", "inside"), ("restrict", "outside"), ("tighten_monitor", "outside")],
)
def test_a_laxer_action_than_the_record_demands_is_outside(action, expected):
    data = template_data()
    data["revalidation_triggers"]["on_lapse"] = action

    assert status(data, "revalidation_triggers.on_lapse").status == expected


def test_a_field_knows_its_line():
    data = template_data()
    data["planner_scope"]["horizon"] = 20

    found = status(data, "planner_scope.horizon")

    assert found.line is not None
    assert (found.declared, found.admitted, found.is_growing) == (20, 5, True)
