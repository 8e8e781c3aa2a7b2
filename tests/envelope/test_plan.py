"""What to run again, and what it costs."""

from dataclasses import replace

import pytest

from tests.envelope.builders import example_envelope
from tests.envelope.judging import checked, identity, template_data


def plan(relies_on=("planning.success", "monitor.surprise.teleport"), **planner):
    data = {**template_data(), "relies_on": list(relies_on)}
    data["planner_scope"].update(planner)
    return checked(data).run_again


def test_nothing_is_run_again_for_a_deployment_that_is_inside():
    found = plan()

    assert (found.suites, found.seconds, found.command) == ([], None, "")


@pytest.mark.parametrize(
    ("change", "factor"),
    [
        ({"num_samples": 400}, 2),
        ({"iterations": 20}, 2),
        ({"horizon": 10}, 2),
        ({"num_samples": 400, "iterations": 20, "horizon": 10}, 8),
        ({"num_samples": 100}, 0.5),
        ({"elites": 10}, 1),
    ],
)
def test_the_cost_follows_the_search(change, factor):
    costs = {cost.suite: cost.seconds for cost in plan(**change).suites}

    assert costs["planning"] == pytest.approx(310 * factor)


def test_a_suite_that_makes_no_plans_costs_what_it_did():
    data = {**template_data(), "relies_on": ["monitor.surprise.teleport", "planning.success"]}
    data["planner_scope"]["horizon"] = 10
    data["monitors"][0]["threshold"] = 0.5

    costs = {cost.suite: cost.seconds for cost in checked(data).run_again.suites}

    assert costs["voe"] == 95


def test_more_search_asks_for_exploitation_and_less_does_not():
    assert "exploitation" in {cost.suite for cost in plan(num_samples=400).suites}
    assert "exploitation" not in {cost.suite for cost in plan(num_samples=100).suites}


def test_a_suite_that_the_record_does_not_have_has_no_cost_and_no_command():
    found = plan(horizon=20)

    unknown = next(cost for cost in found.suites if cost.suite == "exploitation")
    assert unknown.seconds is None
    assert "exploitation" not in found.command


def test_only_suites_behind_claims_that_are_relied_on_are_run():
    found = plan(relies_on=["planning.success"], block_size=10)

    assert [cost.suite for cost in found.suites] == ["planning"]


def test_another_model_state_asks_for_all_that_is_relied_on():
    data = {**template_data(), "relies_on": ["planning.success", "monitor.surprise.teleport"]}
    data["model_state"]["adapter"] = "gym"

    assert [cost.suite for cost in checked(data).run_again.suites] == ["planning", "voe"]


def test_a_lapse_of_nothing_relied_on_asks_for_all_of_its_suites():
    found = plan(relies_on=[], elites=10)

    assert {cost.suite for cost in found.suites} == {
        "planning",
        "nuisance_shift",
        "worst_case",
        "voe",
        "horizon_drift",
    }


def test_the_command_survives_a_checkpoint_with_a_space():
    data = {**template_data(), "relies_on": ["planning.success"]}
    data["planner_scope"]["elites"] = 10
    model = replace(identity(example_envelope()), name="my model.pt")

    assert "--model 'my model.pt'" in checked(data, model=model).run_again.command


def test_a_suite_without_a_time_is_listed_without_a_cost():
    record = example_envelope()
    record = record.model_copy(
        update={"timing": record.timing.model_copy(update={"suite_seconds": {}})}
    )
    data = {**template_data(), "relies_on": ["planning.success"]}
    data["planner_scope"]["elites"] = 10

    found = checked(data, envelope=record).run_again

    assert (found.suites[0].seconds, found.seconds) == (None, None)


def test_a_nuisance_that_the_quick_profile_left_open_asks_for_the_standard_one():
    record = example_envelope().model_copy(update={"profile": "quick"})
    data = {**template_data(), "relies_on": ["planning.success"]}
    data["input_scope"]["nuisance"]["background.color"] = {"max_delta_e": 12}

    found = checked(data, envelope=record).run_again

    assert "--profile standard" in found.command
    assert {cost.seconds for cost in found.suites} == {None}


@pytest.mark.parametrize(
    ("field", "value", "option"),
    [
        ("input_scope.world", "pusht", "--world pusht"),
        ("model_state.adapter", "gym", "--adapter gym"),
        ("planner_scope.conventions.device", "cuda", "--device cuda"),
    ],
)
def test_the_command_has_an_option_for_what_measure_takes_from_no_file(field, value, option):
    data = {**template_data(), "relies_on": ["planning.success"]}
    *folders, name = field.split(".")
    place = data
    for folder in folders:
        place = place[folder]
    place[name] = value

    assert option in checked(data).run_again.command
