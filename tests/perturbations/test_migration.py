"""Migration of models whose faults are known: what is worse is reverted, what is equal is not."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from envelope import gate
from envelope.errors import EnvelopeError
from envelope.records import ViolationCriterion
from perturbations.cells.rows import measurement
from perturbations.cells.runner import Runner
from perturbations.migration import comparison
from perturbations.migration.migration import BASE, MARGINS, Migration
from perturbations.statistics import sequential, stats
from perturbations.suites import planning
from tests import known_models as known
from tests.known_models.defects import Bent, TunedWorse

FEW = {
    "teleport": ViolationCriterion(magnitudes=[10.0, 40.0], claim_at=40.0, unit="px"),
    "background.color": ViolationCriterion(magnitudes=[40.0], claim_at=40.0, unit="delta_e"),
}
PROFILE = replace(
    known.PROFILE, num_cases=80, num_scoring_episodes=120, num_calibration_episodes=60
)


@cache
def bench(model):
    return known.bench(model(), profile=PROFILE, criteria=known.criteria(violations=FEW))


@cache
def migrated(base, candidate):
    """Cells, measurements and what is decided of them."""
    suite = Migration(bench(base))
    other = replace(
        bench(base),
        model=candidate(),
        identity={**bench(base).identity, "model": candidate.__name__},
    )
    cells = suite.run(other)
    found = suite.summarise(cells, seed=0)
    compared = gate.compare(found, MARGINS, suite.cases_that_would_decide(cells))
    return suite, cells, found, compared, *gate.decide(compared)


def value_of(found, quantity, **condition):
    (one,) = [
        one
        for one in found
        if one.quantity == quantity and condition.items() <= one.condition.items()
    ]
    return one.estimate


def test_an_identical_candidate_is_accepted_and_nothing_differs():
    _, _, found, compared, decision, reasons = migrated(known.Oracle, known.Oracle)

    assert decision == "accept"
    assert [reason.code for reason in reasons] == ["non_inferior"]
    assert {one.difference.value for one in compared} == {0.0}
    assert value_of(found, "latent_displacement", after="nothing").value == 0


def test_a_candidate_that_a_probe_reads_better_and_that_plans_worse_is_reverted():
    suite, cells, found, _, decision, reasons = migrated(Bent, TunedWorse)

    assert decision == "revert"
    assert [(reason.code, reason.subject) for reason in reasons] == [("inferior", "success")]
    assert value_of(found, "probe_r2", arm="candidate").low > 0.999
    assert value_of(found, "probe_r2", arm="base").high < 0.99
    assert value_of(found, "success", arm="candidate").high < 0.9
    assert suite.num_cases_run(cells) <= 60


def test_a_loss_that_shows_early_stops_the_closed_loop_and_everything_after_it():
    suite, cells, _, compared, decision, _ = migrated(known.Oracle, known.Drifting)

    assert decision == "revert"
    assert suite.num_cases_run(cells) < len(bench(known.Oracle).cases)
    assert {one.status for one in compared if one.kind != "success"} == {"not_measured"}
    assert not [cell for cell in cells if cell.arm != BASE and cell.suite == "voe"]


def test_a_plain_loss_needs_one_batch_of_both_arms_and_nothing_else_of_the_base():
    _, cells, *_ = migrated(known.Oracle, known.Still)

    assert [(cell.arm, cell.suite) for cell in cells] == [
        (BASE, "migration"),
        ("model", "migration"),
        ("model", "migration"),
    ]
    first, second, latents = cells
    assert first.condition["first_case"] == second.condition["first_case"] == 0
    assert first.cases == second.cases
    assert latents.condition["compared"] == "latents"


def test_what_was_not_asked_yet_counts_in_the_family_as_if_the_base_saw_it():
    suite, cells, found, compared, *_ = migrated(known.Oracle, known.Still)

    assert {one.subject for one in compared} == {
        "success",
        *(f"detection.surprise.{name}" for name in FEW),
        "false_alarms.surprise",
        f"usable_horizon.{suite.horizon}",
    }
    (success,) = [one for one in found if one.quantity == "success_difference"]
    candidate, base = suite.evidence(cells).successes
    bare = 2 * sequential.p_worse(candidate.astype(float) - base)
    assert success.p_holm == pytest.approx(len(compared) * bare)


def test_a_loss_within_its_margin_stops_nothing():
    suite = Migration(bench(known.Oracle), replace_margin(success=0.999))
    other = {**bench(known.Oracle).identity, "model": "still"}

    cells = suite.closed_loop(replace(bench(known.Oracle), model=known.Still(), identity=other))

    assert not suite.is_settled(cells)


def test_a_base_that_was_measured_lends_its_cases_and_runs_none_again():
    runner = Runner()
    base = replace(bench(known.Oracle), runner=runner)
    clean = planning.clean_cells(base)
    other = replace(base, identity={**base.identity, "model": "another file"})

    cells = Migration(base).closed_loop(other)

    assert [cell.id for cell in cells if cell.arm == BASE] == [cell.id for cell in clean]
    assert Migration(base).num_cases_run(cells) == len(base.cases)


def test_a_lost_horizon_ends_the_run_before_any_monitor_is_set():
    suite = Migration(bench(known.Oracle), replace_margin(success=0.999))
    other = {**bench(known.Oracle).identity, "model": "cliff"}

    cells = suite.run(replace(bench(known.Oracle), model=known.HorizonCliff(), identity=other))

    assert "monitors" not in {cell.suite for cell in cells}
    (why,) = {one.note for one in suite.evidence(cells).comparisons if one.difference is None}
    assert why == "not run: another comparison had decided before"


def replace_margin(**changes):
    return MARGINS.model_copy(update=changes)


def test_a_candidate_that_lost_a_monitor_alone_is_reverted_for_that():
    *_, compared, decision, reasons = migrated(known.Oracle, known.ColourBlind)

    assert decision == "revert"
    assert [reason.subject for reason in reasons] == ["detection.surprise.background.color"]
    assert {one.status for one in compared if one.kind == "success"} == {"non_inferior"}


def test_what_the_base_is_blind_to_is_not_asked_of_the_candidate():
    *_, compared, decision, _ = migrated(known.ColourBlind, known.Oracle)

    assert decision == "accept"
    assert "detection.surprise.background.color" not in [one.subject for one in compared]


def test_with_few_cases_nothing_is_shown_and_the_number_that_would_decide_is_said():
    few = replace(PROFILE, num_cases=40, num_scoring_episodes=30)
    base = known.bench(known.Oracle(), profile=few, criteria=known.criteria(violations=FEW))
    candidate = replace(base, identity={**base.identity, "model": "another file"})
    suite = Migration(base)

    cells = suite.run(candidate)
    needed = suite.cases_that_would_decide(cells)
    compared = gate.compare(suite.summarise(cells, seed=0), MARGINS, needed)
    decision, reasons = gate.decide(compared)

    assert decision == "undecided"
    assert {reason.code for reason in reasons} == {"undecided"}
    (success,) = [one for one in compared if one.kind == "success"]
    assert 75 < success.needed < 200


def test_a_crash_ends_the_comparison_and_is_no_finding():
    *_, cells, _, _, decision, reasons = migrated(known.Oracle, known.Broken)

    assert [cell.status for cell in cells if cell.status == "crashed"] == ["crashed"]
    assert decision == "undecided"
    assert "crashed" in reasons[0].message


def test_removing_cells_never_turns_a_decision_into_accept():
    suite, cells, *_ = migrated(known.Oracle, known.Oracle)

    for left_out in {(cell.suite, cell.arm) for cell in cells} - {("migration", "model")}:
        kept = [cell for cell in cells if (cell.suite, cell.arm) != left_out]
        decision, _ = gate.decide(gate.compare(suite.summarise(kept, seed=0), MARGINS, {}))
        assert decision != "revert"
        assert decision == "undecided" or left_out[0] == "episodes", left_out


def test_models_measured_differently_are_not_compared():
    other = replace(bench(known.Oracle), seed=8)

    with pytest.raises(EnvelopeError, match="seeds for base and candidate differ: 7 and 8"):
        Migration(bench(known.Oracle)).run(other)
    with pytest.raises(EnvelopeError, match="no monitor is called hope"):
        Migration(bench(known.Oracle), watched_by=("hope",))


def test_the_four_parts_of_the_docstring_are_there():
    assert Migration.text().family == "F6"


# --- simulated: many candidates with known shares ------------------------------------------------


def judged(rng, lost, *, cases, classes=8, differing=0.02):
    """What is decided of a simulated candidate that loses a share of the cases; looks every 20."""
    table = [1 - lost - 2 * differing, lost + differing, differing]
    difference = rng.choice([0, -1, 1], p=table, size=cases)
    family = classes + 3
    for look in range(20, cases + 1, 20):
        seen = difference[:look]
        if 2 * sequential.p_worse(seen) * family <= 0.05:
            break
        if sequential.capital(seen, -MARGINS.success).max() >= 40:
            break
    found = [
        comparison.watched_outcomes(
            "success_difference",
            {},
            np.where(seen == 0, 1, (seen + 1) // 2),
            np.where(seen == 0, 1, (1 - seen) // 2),
            margin=MARGINS.success,
            planned=cases,
        )
    ]
    for number in range(classes):
        base, candidate = rng.random((2, 120)) < 0.97
        condition = {"violation": f"class_{number}", "monitor": "surprise"}
        found.append(
            comparison.outcomes(
                "detection_difference", condition, candidate, base, margin=MARGINS.detection
            )
        )
    holm = stats.holm([one.p_worse for one in found])
    measured = [
        measurement("migration", one.quantity, one.condition, one.difference, p_holm=p)
        for one, p in zip(found, holm, strict=True)
    ]
    return gate.decide(gate.compare(measured, MARGINS, {}))[0]


@pytest.mark.parametrize(("lost", "cases"), [(0.0, 80), (0.02, 80), (0.02, 150)])
def test_a_candidate_worse_by_less_than_the_margin_is_reverted_at_most_once_in_twenty(lost, cases):
    rng = np.random.default_rng(0)

    assert np.mean([judged(rng, lost, cases=cases) == "revert" for _ in range(200)]) <= 0.05


def test_a_candidate_worse_by_far_is_reverted_nearly_always():
    rng = np.random.default_rng(1)

    assert np.mean([judged(rng, 0.4, cases=80) == "revert" for _ in range(100)]) >= 0.95
