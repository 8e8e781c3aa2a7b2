"""The deploy file: malformed ones are refused, absent fields are not."""

from pathlib import Path

import pytest

from envelope.deploy import parse_deploy
from envelope.deploy_template import deploy_template
from envelope.errors import BadFile
from envelope.records import Range
from envelope.scope import compare_scope
from tests.envelope.builders import example_envelope
from tests.envelope.judging import checked, template_data

BAD = sorted((Path(__file__).parent.parent / "bad" / "deploy").glob("*.yaml"))

DESIGN = b"""
envelope: pusht.envelope/attestation.json
relies_on: [planning.success, monitor.surprise.teleport, drift.usable_horizon]
model_state: {checkpoint: ckpt.pt, adapter: lewm, tuning: []}
input_scope:
  world: two-room
  observation: {size_px: 64, env_steps_per_frame: 5}
  nuisance: {background.color: {max_delta_e: 8}, light.gain: {min: 0.9, max: 1.1}}
planner_scope:
  algorithm: cem
  num_samples: 200
  iterations: 10
  elites: 20
  horizon: 5            # model steps
  block_size: 5         # env steps per model step
  execute_blocks: 5
  history: 3
  cost: terminal_latent_mse/1
  conventions: {action_scale: zscore, batchnorm: eval, success_rule: two-room/16px,
    goal_offset_env_steps: 25, budget_env_steps: 50, solver_batch: any, dtype: float32, device: cpu}
monitors: [{name: surprise, threshold: 0.031, false_alarms_per_episode: 0.05}]
revalidation_triggers: {on_lapse: stop}
"""


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_malformed_deploy_file_is_refused_and_never_judged(path):
    with pytest.raises(BadFile) as refused:
        compare_scope(example_envelope(), parse_deploy(path.read_bytes(), path.name))

    assert refused.value.exit_status == 2
    assert str(refused.value).startswith(path.name)


def test_the_wrong_unit_is_told_beside_the_right_one():
    text = b"input_scope:\n  nuisance:\n    background.color: {max_px: 8}\n"

    with pytest.raises(BadFile, match=r"d\.yaml:3:5: .*declared as \{max_px\}.*\{max_delta_e\}"):
        compare_scope(example_envelope(), parse_deploy(text, "d.yaml"))


def test_the_deploy_file_of_the_design_is_read():
    deployed = parse_deploy(DESIGN, "deploy.yaml")

    assert deployed.file.input_scope is not None
    assert deployed.file.input_scope.nuisance == {
        "background.color": {"max_delta_e": 8},
        "light.gain": {"min": 0.9, "max": 1.1},
    }
    assert deployed.line("planner_scope.horizon") == 14


def test_an_empty_mapping_declares_nothing():
    deployed = parse_deploy(b"{}", "deploy.yaml")

    found = compare_scope(example_envelope(), deployed)

    optional = ("input_scope.factors", "planner_scope.options")
    needed = [one for one in found if one.field not in optional]
    assert {one.status for one in needed} == {"undeclared"}


def test_the_template_is_inside():
    verdict = checked()

    assert verdict.exit_status == 0
    assert all(field.status == "inside" for field in verdict.fields)


@pytest.mark.parametrize(("kind", "is_relied_on"), [("bound", False), ("requirement", True)])
def test_a_count_is_relied_on_only_where_there_is_a_budget(kind, is_relied_on):
    record = example_envelope()
    cost = record.claims[0].model_copy(
        update={"id": "cost.operations_per_plan", "family": "F1", "kind": kind, "verdict": "holds"}
    )
    record = record.model_copy(update={"claims": [*record.claims, cost]})

    assert ("cost.operations_per_plan" in template_data(record)["relies_on"]) is is_relied_on


def boxed(scale):
    record = example_envelope()
    box = record.input_scope.model_copy(update={"joint": True, "joint_scale": scale})
    return record.model_copy(update={"input_scope": box})


@pytest.mark.parametrize("scale", [0.5, 1.0])
def test_the_template_is_at_nominal_and_inside_whatever_the_box(scale):
    data = template_data(boxed(scale))["input_scope"]["nuisance"]

    assert data["background.color"] == {"max_delta_e": 0}
    assert data["light.gain"] == {"min": 1, "max": 1}
    assert checked(envelope=boxed(scale)).exit_status == 0


def test_the_template_tells_what_one_class_alone_may_and_what_several_may():
    text = deploy_template(boxed(0.5), "a", "c")

    assert (
        "{max_delta_e: 0}  # admitted alone: up to 8, with others: up to 4; ran: to_navy\n" in text
    )
    assert (
        "{min: 1, max: 1}  # admitted alone: 0.5 to 1.5, with others: 0.75 to 1.25; ran: " in text
    )
    assert "{max_delta_e: 0}  # admitted: up to 8; ran: to_navy\n" in deploy_template(
        example_envelope(), "a", "c"
    )


def test_the_template_rounds_a_range_inwards():
    record = example_envelope()
    scope = record.input_scope
    ragged = scope.nuisance["blur"].model_copy(update={"admitted": Range(low=0, high=1.23456789)})
    scope = scope.model_copy(update={"nuisance": {**scope.nuisance, "blur": ragged}})
    record = record.model_copy(update={"input_scope": scope})

    assert "blur: {max_px: 0}  # admitted: up to 1.234; ran: " in deploy_template(record, "a", "c")


def test_the_template_relies_on_what_holds_and_on_nothing_else():
    holding = [claim.id for claim in example_envelope().claims if claim.verdict == "holds"]

    assert template_data()["relies_on"] == holding


def test_a_template_where_nothing_holds_relies_on_nothing_and_is_not_inside():
    record = example_envelope()
    unknown = [claim.model_copy(update={"verdict": "unknown"}) for claim in record.claims]
    record = record.model_copy(update={"claims": unknown})

    verdict = checked(envelope=record)

    assert verdict.exit_status == 1
    assert [one.code for one in verdict.reasons] == ["relies_on_nothing"]


@pytest.mark.parametrize("value", ["yes", "1.5", "a: b", "- x", "", 'quo"te', "ünï", "null"])
def test_a_template_survives_any_name(value):
    record = example_envelope()
    planner = record.planner_scope.model_copy(update={"cost": value})
    record = record.model_copy(update={"planner_scope": planner})

    text = deploy_template(record, value or "x", value or "x")

    assert parse_deploy(text.encode(), "d.yaml").file.planner_scope.cost == value
    assert checked(envelope=record).exit_status == 0


@pytest.mark.parametrize("threshold", [1e-07, 123456789.125, 0.1 + 0.2, 3.0])
def test_a_template_keeps_a_threshold_to_the_last_bit(threshold):
    record = example_envelope()
    monitors = [one.model_copy(update={"threshold": threshold}) for one in record.monitors]
    record = record.model_copy(update={"monitors": monitors})

    assert checked(envelope=record).exit_status == 0
