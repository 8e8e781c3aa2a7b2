"""Every cell of an audit says by its id what it was measured on."""

import pytest

from perturbations import audit
from perturbations.whole.cell_ids import foreign_cell
from tests.known_models.models import ColourBlind
from tests.known_models.recording import recorded_bench
from tests.perturbations.audits import audited


@pytest.fixture(scope="module")
def measured():
    bench, found, _ = audited("ColourBlind")
    return bench, found.cells


def test_the_ids_of_a_whole_audit_follow_from_its_basis(measured):
    bench, cells = measured

    assert len({cell.suite for cell in cells}) > 5
    assert foreign_cell(cells, audit.plan(bench), bench.basis) == ""


def test_so_they_do_on_recorded_episodes_with_what_monitors_were_fitted_on():
    bench = recorded_bench(ColourBlind())
    cells = audit.run(bench, ["voe"]).cells

    assert "fitting" in bench.basis
    assert foreign_cell(cells, audit.plan(bench), bench.basis) == ""
    assert foreign_cell(cells, audit.plan(bench), bench.identity) != ""


@pytest.mark.parametrize("part", ["model", "world", "planner", "evaluator"])
def test_cells_of_another_model_world_planner_or_evaluator_are_foreign(measured, part):
    bench, cells = measured
    basis = {**bench.basis, part: "another"}

    assert foreign_cell(cells, audit.plan(bench), basis) != ""


def test_cells_of_another_seed_are_foreign(measured):
    bench, cells = measured
    plan = audit.plan(bench)

    assert foreign_cell(cells, plan.model_copy(update={"seed": plan.seed + 1}), bench.basis) != ""


def test_a_cell_that_passes_for_another_is_named(measured):
    bench, cells = measured
    first, *others = cells
    renamed = first.model_copy(update={"arm": "true_dynamics"})

    name = foreign_cell([*others, renamed], audit.plan(bench), bench.basis)

    assert name.startswith(first.suite)
