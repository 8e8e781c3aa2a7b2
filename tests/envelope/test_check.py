"""One verdict: the worked example, reliance, trust policy, and three outputs that agree."""

import json
from datetime import UTC, datetime

import pytest

from envelope.errors import DigestMismatch, Revoked, TooOld
from envelope.same_model import ModelIdentity
from envelope.trust import Policy
from envelope.verdict import Verdict
from envelope.verdict_text import text_of
from tests.envelope.builders import example_envelope, sha
from tests.envelope.judging import checked, template_data


def relying_on(*names):
    return {**template_data(), "relies_on": list(names)}


def codes(verdict):
    return [one.code for one in verdict.reasons]


def test_product_wants_horizon_20():
    data = relying_on("planning.success", "drift.usable_horizon", "monitor.surprise.teleport")
    data["planner_scope"]["horizon"] = 20

    verdict = checked(data)
    text = text_of(verdict)

    assert verdict.exit_status == 1
    assert verdict.state == "lapsed"
    assert text.startswith("OUTSIDE by planner_scope.horizon: declared 20, measured 5")
    assert verdict.newly_in_scope == ["drift.usable_horizon", "exploitation.more_search"]
    lapsed = {one.id for one in verdict.claims if one.lapsed_by and one.relied_on}
    assert lapsed == {"planning.success", "drift.usable_horizon", "monitor.surprise.teleport"}
    suites = [cost.suite for cost in verdict.run_again.suites]
    assert suites == ["planning", "voe", "horizon_drift", "exploitation"]
    assert all(name in text for name in (*lapsed, *suites, "Newly in scope"))
    # Four times the horizon, so four times the 310 s and the 160 s of the record; `voe` makes no
    # plans of its own.
    assert verdict.run_again.seconds == pytest.approx(4 * (310 + 160) + 95)
    assert verdict.run_again.command == (
        "envelope measure --model two_room.pt --profile standard --seed 7 --deploy deploy.yaml"
    )


def test_a_shorter_horizon_brings_nothing_in_and_leaves_drift_alone():
    data = relying_on("drift.usable_horizon", "planning.success")
    data["planner_scope"]["horizon"] = 4

    verdict = checked(data)

    assert verdict.exit_status == 1
    assert verdict.newly_in_scope == []
    standing = {one.id: one.stands for one in verdict.claims if one.relied_on}
    assert standing == {"drift.usable_horizon": True, "planning.success": False}


def test_inside_is_said_first_with_the_figures_of_what_is_relied_on():
    text = text_of(checked(relying_on("planning.success")))

    assert text.startswith("INSIDE what was measured")
    assert "success 0.86 [0.81, 0.91], 104 cases, 3 streams" in text
    assert "fails silently: nuisance.background.color" in text


def test_fewer_claims_relied_on_stays_inside():
    for name in template_data()["relies_on"]:
        assert checked(relying_on(name)).exit_status == 0


def test_relying_on_a_blind_spot_is_outside_and_names_it():
    verdict = checked(relying_on("planning.success", "monitor.surprise.background.color"))

    assert verdict.exit_status == 1
    assert codes(verdict) == ["blind_spot"]
    first = text_of(verdict).splitlines()[0]
    assert first.startswith("OUTSIDE: monitor.surprise.background.color: a recorded blind spot")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("nuisance.background.color", "claim_fails"),
        ("nuisance.distractor", "claim_unknown"),
        ("nuisance.camera.shift", "claim_unknown"),
        ("planning.sucess", "claim_not_recorded"),
    ],
)
def test_relying_on_what_is_not_shown_is_never_inside(name, code):
    verdict = checked(relying_on("planning.success", name))

    assert (verdict.exit_status, codes(verdict)) == (1, [code])
    assert name in text_of(verdict).splitlines()[0]


def test_an_unknown_claim_relied_on_names_the_suite_that_settles_it():
    verdict = checked(relying_on("nuisance.distractor"))

    assert [cost.suite for cost in verdict.run_again.suites] == ["planning", "nuisance_shift"]


def test_relying_on_nothing_is_not_inside():
    assert codes(checked(relying_on())) == ["relies_on_nothing"]


def test_the_trust_policy_can_require_a_claim():
    policy = Policy(require_claims=("planning.success", "monitor.surprise.teleport"))

    kept = checked(relying_on("planning.success", "monitor.surprise.teleport"), policy=policy)
    dropped = checked(relying_on("planning.success"), policy=policy)

    assert kept.exit_status == 0
    assert (dropped.exit_status, codes(dropped)) == (1, ["required_claim_dropped"])


# --- the record ---------------------------------------------------------------------------------


def test_an_expired_record_is_outside_and_wants_everything_relied_on_again():
    verdict = checked(relying_on("planning.success"), now=datetime(2026, 4, 5, 10, tzinfo=UTC))

    assert (verdict.exit_status, verdict.state, codes(verdict)) == (1, "expired", ["expired"])
    assert [cost.suite for cost in verdict.run_again.suites] == ["planning"]


def test_a_record_from_the_future_is_not_trusted():
    with pytest.raises(TooOld) as refused:
        checked(now=datetime(2026, 1, 1, tzinfo=UTC))

    assert refused.value.exit_status == 3


def test_the_trust_policy_limits_the_age():
    with pytest.raises(TooOld):
        checked(policy=Policy(max_age_days=7))


def test_a_superseded_record_is_outside_and_a_revoked_one_not_trusted():
    assert codes(checked(standing="superseded")) == ["superseded"]
    with pytest.raises(Revoked):
        checked(standing="revoked")


# --- the model ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        ModelIdentity("other.pt", {"other.pt": sha("other")}),
        ModelIdentity("none.pt", {}),
        ModelIdentity("x.safetensors", {"x.safetensors": sha("x")}, sha("other tensors")),
        ModelIdentity("x", {"x": sha("x")}, sha("tensors"), sha("another config")),
    ],
)
def test_another_model_is_not_trusted(model):
    with pytest.raises(DigestMismatch) as refused:
        checked(model=model)

    assert refused.value.exit_status == 3


@pytest.mark.parametrize(
    ("model", "by"),
    [
        (ModelIdentity("m.pt", {"renamed.pt": sha("two_room.pt")}), "files"),
        (ModelIdentity("m", {"m.safetensors": sha("m")}, sha("tensors")), "tensors"),
        (ModelIdentity("m", {"m.safetensors": sha("m")}, sha("tensors"), sha("config")), "tensors"),
    ],
)
def test_the_same_model_is_known_by_its_files_or_its_tensors(model, by):
    verdict = checked(model=model)

    assert verdict.exit_status == 0
    assert verdict.model.endswith(f"recognised by its {by}")


def test_one_matching_file_beside_changed_weights_proves_nothing():
    record = example_envelope()
    state = record.model_state
    config = state.files[0].model_copy(update={"path": "config.json", "sha256": sha("c")})
    record = record.model_copy(
        update={"model_state": state.model_copy(update={"files": [*state.files, config]})}
    )
    mixed = ModelIdentity("m", {"config.json": sha("c"), "weights.pt": sha("changed")})

    with pytest.raises(DigestMismatch):
        checked(envelope=record, model=mixed)


def test_a_declared_tuning_step_is_outside_though_the_files_fit():
    data = relying_on("planning.success", "monitor.surprise.teleport")
    data["model_state"]["tuning"] = ["lora 2026-01"]

    verdict = checked(data)

    assert verdict.exit_status == 1
    assert verdict.state == "lapsed"
    assert "migration.candidate" in verdict.newly_in_scope


# --- three outputs, one object ------------------------------------------------------------------


def test_text_json_and_status_come_from_one_object():
    for data in (template_data(), relying_on("nuisance.noise")):
        verdict = checked(data)
        as_json = json.loads(verdict.as_json())

        assert as_json["exit_status"] == verdict.exit_status
        assert text_of(verdict).startswith("INSIDE") == (verdict.exit_status == 0)
        assert Verdict.model_validate_json(verdict.as_json()) == verdict


def test_a_verdict_whose_status_contradicts_its_reasons_cannot_be_made():
    verdict = checked(relying_on("nuisance.noise"))

    with pytest.raises(ValueError, match="exit_status must be 0 exactly"):
        Verdict(**{**dict(verdict), "exit_status": 0})


def test_a_nuisance_beyond_the_admitted_range_asks_for_its_own_suite():
    data = relying_on("monitor.surprise.teleport")
    data["input_scope"]["nuisance"]["background.color"] = {"max_delta_e": 12}

    verdict = checked(data)

    assert [cost.suite for cost in verdict.run_again.suites] == [
        "planning",
        "nuisance_shift",
        "voe",
    ]
    assert text_of(verdict).startswith(
        "OUTSIDE by input_scope.nuisance.background.color: declared 0 to 12 ΔE, "
        "admitted 0 to 8 ΔE; closed-loop cells lie in 0 to 24 ΔE (deploy.yaml:"
    )


def test_an_undeclared_field_needs_a_declaration_and_no_measurement():
    data = relying_on("planning.success")
    del data["planner_scope"]["conventions"]["dtype"]

    verdict = checked(data)

    assert codes(verdict) == ["field_undeclared", "claim_lapsed"]
    assert verdict.run_again.suites == []
    assert text_of(verdict).startswith("UNDECLARED, so outside: planner_scope.conventions.dtype")
