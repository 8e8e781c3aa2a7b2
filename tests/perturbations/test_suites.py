"""Every suite passes the perfect model and fails the model that is made to fail it."""

import pytest

from perturbations import audit
from perturbations.violations.classes import find as find_violation
from tests import known_models as known
from tests.perturbations.audits import audited

LIMITS = known.criteria()


def find(model, suite, quantity, **condition):
    matching = [
        m
        for m in audited(model)[2]
        if (m.suite, m.quantity) == (suite, quantity)
        and all(m.condition.get(key) == value for key, value in condition.items())
    ]
    assert len(matching) == 1, [m.id for m in matching]
    return matching[0]


def estimate(model, suite, quantity, **condition):
    return find(model, suite, quantity, **condition).estimate


# --- planning ---------------------------------------------------------------------------------


def test_the_perfect_model_plans_as_well_as_the_truth_and_better_than_both_floors():
    assert estimate("Oracle", "planning", "success", arm="model").low > LIMITS.success_at_least
    share = estimate("Oracle", "planning", "share_of_ceiling")
    assert share.low > LIMITS.share_of_ceiling_at_least
    for floor in ("random", "untrained_twin"):
        gain = find("Oracle", "planning", "success_gain", over=floor)
        assert gain.estimate.low > 0
        assert gain.p_holm < 0.001


@pytest.mark.parametrize("model", ["Still", "Folded", "Collapsed"])
def test_a_model_that_cannot_plan_fails_planning(model):
    assert estimate(model, "planning", "success", arm="model").high < LIMITS.success_at_least
    share = estimate(model, "planning", "share_of_ceiling")
    assert share.high < LIMITS.share_of_ceiling_at_least
    assert estimate(model, "planning", "success_gain", over="random").low <= 0


def test_streams_are_reported_one_by_one_and_bracket_the_mean():
    streams = [
        estimate("Drifting", "planning", "success_by_stream", stream=s).value for s in range(3)
    ]
    mean = estimate("Drifting", "planning", "success", arm="model").value

    assert min(streams) <= mean <= max(streams)
    assert len(set(streams)) > 1


def test_the_clean_arm_seldom_alarms():
    assert estimate("Oracle", "planning", "alarm_rate", monitor="surprise").value <= 0.1


# --- nuisance shift ---------------------------------------------------------------------------


@pytest.mark.parametrize("nuisance", ["background.color", "light.gain", "camera.shift"])
def test_the_perfect_model_keeps_its_success_under_every_nuisance(nuisance):
    # A weaker strength was harmless, so the top was run as well.
    drop = find("Oracle", "nuisance_shift", "success_drop", nuisance=nuisance, strength=1.0)

    assert drop.estimate.high <= LIMITS.max_success_drop
    assert drop.p_holm == 1.0


def test_a_reader_of_the_background_fails_silently():
    drop = find("BackgroundReader", "nuisance_shift", "success_drop", nuisance="background.color")
    alarm = estimate(
        "BackgroundReader",
        "nuisance_shift",
        "closed_loop_alarm_rate",
        nuisance="background.color",
        monitor="surprise",
    )

    assert drop.estimate.low > LIMITS.max_success_drop
    assert drop.p_holm < 0.001
    assert alarm.high < LIMITS.detection_rate


def test_a_startled_model_fails_loudly():
    drop = estimate("Startled", "nuisance_shift", "success_drop", nuisance="background.color")
    alarm = estimate(
        "Startled",
        "nuisance_shift",
        "closed_loop_alarm_rate",
        nuisance="background.color",
        monitor="surprise",
    )

    assert drop.low > 0
    assert drop.value > LIMITS.max_success_drop
    assert alarm.low >= LIMITS.detection_rate


def test_displacement_is_zero_for_the_colour_blind_and_not_for_the_reader():
    condition = {"nuisance": "background.color", "direction": "to_navy", "strength": 1.0}

    blind = estimate("ColourBlind", "nuisance_shift", "displacement", **condition)
    reader = estimate("BackgroundReader", "nuisance_shift", "displacement", **condition)
    assert blind.high == 0
    assert reader.low > 1


def test_every_direction_and_strength_is_shown_in_open_loop():
    shown = [m for m in audited("Oracle")[2] if m.quantity == "displacement"]
    directions = 3 * 6 + 2 + 1 + 1 + 1 + 4

    assert len(shown) == 2 * directions
    assert all({"amount", "unit", "nominal"} <= set(m.condition) for m in shown)


# --- violations -------------------------------------------------------------------------------

PHYSICAL = tuple(name for name in LIMITS.violations if find_violation(name).kind == "physical")
SENSOR = ("blackout", "frozen_camera", "mirror_image")
VISUAL = tuple(name for name in LIMITS.violations if name not in (*PHYSICAL, *SENSOR))


def detection(model, violation):
    at = LIMITS.violations[violation].claim_at
    return estimate(
        model, "voe", "detection", monitor="surprise", violation=violation, magnitude=at
    )


@pytest.mark.parametrize("violation", PHYSICAL + SENSOR + VISUAL)
def test_the_perfect_model_sees_every_violation_at_once(violation):
    at = {
        "monitor": "surprise",
        "violation": violation,
        "magnitude": LIMITS.violations[violation].claim_at,
    }

    assert detection("Oracle", violation).low > LIMITS.detection_rate
    assert estimate("Oracle", "voe", "auroc", **at).value > 0.95
    assert estimate("Oracle", "voe", "delay", **at).value == known.BLOCK


@pytest.mark.parametrize("violation", VISUAL)
def test_a_colour_blind_model_is_blind_to_what_it_cannot_see(violation):
    at = {
        "monitor": "surprise",
        "violation": violation,
        "magnitude": LIMITS.violations[violation].claim_at,
    }

    assert detection("ColourBlind", violation).high < LIMITS.detection_rate
    assert estimate("ColourBlind", "voe", "auroc", **at).value == pytest.approx(0.5, abs=0.05)
    late = find("ColourBlind", "voe", "delay", **at)
    assert late.estimate is None
    assert "clips with an alarm" in late.note


@pytest.mark.parametrize("violation", PHYSICAL)
def test_a_colour_blind_model_still_sees_motion(violation):
    assert detection("ColourBlind", violation).low > LIMITS.detection_rate


@pytest.mark.parametrize("violation", ["freeze", "velocity_reversal"])
def test_a_model_that_expects_nothing_to_move_is_blind_to_a_freeze(violation):
    assert detection("Still", violation).high < LIMITS.detection_rate


def test_a_collapsed_model_never_alarms_so_no_positive_control_is_met():
    assert all(detection("Collapsed", v).value == 0 for v in LIMITS.violations)
    assert estimate("Collapsed", "voe", "false_alarms", monitor="surprise").value == 0


def test_small_jumps_are_harder_to_see_than_large_ones():
    jump = {"monitor": "surprise", "violation": "teleport"}
    near = estimate("Still", "voe", "detection", **jump, magnitude=10.0)
    far = estimate("Still", "voe", "detection", **jump, magnitude=40.0)

    assert near.high < far.low


# --- drift ------------------------------------------------------------------------------------


def ratios(model):
    return [
        estimate(model, "horizon_drift", "drift_ratio", horizon=h, env_steps=5 * h)
        for h in range(1, 11)
    ]


def test_the_drift_of_models_with_a_known_answer_is_known():
    assert [r.high for r in ratios("Oracle")] == pytest.approx([0] * 10, abs=1e-9)
    assert [r.value for r in ratios("Still")] == pytest.approx([1] * 10)


def test_a_drifting_model_is_usable_for_a_few_steps_and_not_for_ten():
    found = ratios("Drifting")

    assert found[0].high < LIMITS.max_drift_ratio
    assert found[-1].low > LIMITS.max_drift_ratio
    assert found[0].value < found[2].value < found[5].value


def test_a_latent_that_never_moves_has_no_ratio():
    drift = find("Collapsed", "horizon_drift", "drift_ratio", horizon=1)

    assert drift.estimate is None
    assert "never moves" in drift.note


def test_success_by_offset_holds_the_nominal_offset():
    found = find("Oracle", "horizon_drift", "success_by_offset", goal_offset_env_steps=15)

    assert found.estimate.low > LIMITS.success_at_least


@pytest.mark.parametrize(("offset", "budget"), [(10, 30), (22, 30), (30, 60)])
def test_a_goal_beyond_three_quarters_of_the_budget_gets_one_in_proportion(offset, budget):
    cases = {offset: known.cases(20, goal_offset_env_steps=offset)}
    bench = known.bench(known.Oracle(), offset_cases=cases)
    found = audit.run(bench, ["horizon_drift"])
    offsets = [c.condition for c in found.cells if "goal_offset_env_steps" in c.condition]

    assert {"goal_offset_env_steps": offset, "budget_env_steps": budget} in offsets
