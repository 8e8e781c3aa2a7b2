"""What a change costs: exactly the cells that rest on it run again, and the rest is kept."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch

from envelope.cli.choices import Choices
from envelope.cli.files import Folder
from envelope.cli.measure import time_spent
from envelope.cli.run import run
from envelope.cli.workbench import build
from envelope.criteria import default_criteria, load_criteria
from envelope.deploy import DeployedConventions, DeployedPlanner
from envelope.records import Timing
from lewm.pretrained import bundled
from perturbations.cells.runner import Runner
from tests.cli.interrupted import HANDFUL
from tests.cli.making import awake_checkpoint, loose_criteria

SUITES = ("planning", "representation", "nuisance_shift", "voe", "horizon_drift", "exploitation")
OF_STATES = ("cloud", "pairs", "steady", "slow_features")


def measure(*, criteria="criteria.yaml", declared=None, suites=SUITES):
    """Measured in the one folder of the test, so that finished cells are found again."""
    choices = Choices(
        model=Path("ckpt.pt"),
        criteria=load_criteria(Path(criteria)),
        profile=HANDFUL,
        suites=suites,
        declared=declared,
    )
    return run(choices, Folder(Path("ckpt.envelope")), now=datetime.now(UTC))


def ids(measurements):
    return {cell.id for cell in measurements.cells}


def told(cells):
    return {(c.suite, c.arm, str(c.condition.get("asks", ""))) for c in cells}


@pytest.fixture
def before(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    awake_checkpoint(Path("ckpt.pt"))
    loose_criteria(Path("criteria.yaml"))
    num_threads = torch.get_num_threads()
    yield measure()
    torch.set_num_threads(num_threads)


def test_another_criterion_runs_no_cell(before):
    loose_criteria(Path("other.yaml"), max_drift_ratio="0.5", success_at_least="0.5")

    after = measure(criteria="other.yaml")

    assert after.timing.run_cells == 0
    assert ids(after) == ids(before)


def test_another_threshold_of_a_monitor_runs_no_cell(before):
    loose_criteria(Path("other.yaml"), false_alarms_per_episode="0.3")

    after = measure(criteria="other.yaml")

    assert after.timing.run_cells == 0
    lower = zip(before.monitors, after.monitors, strict=True)
    assert all(one.threshold > other.threshold for one, other in lower)


def test_a_planner_field_runs_the_cells_that_rest_on_it_and_no_other(before):
    after = measure(declared=DeployedPlanner(num_samples=12))

    kept = [cell for cell in after.cells if cell.id in ids(before)]
    run_again = [cell for cell in after.cells if cell.id not in ids(before)]
    of_states = {("representation", "model", asks) for asks in OF_STATES}
    assert told(kept) == of_states | {("planning", "random", "")}
    assert told(run_again) == told(before.cells) - told(kept)
    assert after.timing.reused_cells == len(kept)
    num_driven = 2  # calibration and scoring episodes, which are no part of the measurements
    assert after.timing.run_cells == len(run_again) + num_driven


def test_random_actions_are_drawn_again_when_the_budget_changes(before):
    declared = DeployedPlanner(conventions=DeployedConventions(budget_env_steps=40))

    after = measure(declared=declared, suites=("planning",))

    assert not [c for c in after.cells if c.id in ids(before)]


def test_another_suite_leaves_the_finished_ones_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    awake_checkpoint(Path("ckpt.pt"))
    loose_criteria(Path("criteria.yaml"))
    first = measure(suites=("planning",))

    after = measure(suites=("planning", "horizon_drift"))

    assert ids(first) <= ids(after)
    assert after.timing.reused_cells == len(ids(first))


def test_no_process_chooses_by_the_clock_how_a_small_model_imagines(monkeypatch):
    monkeypatch.setattr("lewm.planning.plan_kernels._pays", lambda *_: True)
    choices = Choices(
        model=bundled("two_room"),
        criteria=default_criteria(),
        profile=HANDFUL,
        suites=("planning",),
    )
    bench = build(choices, Runner()).bench

    for model in (bench.model, bench.twin):
        frames = bench.world.render(bench.cases.starts[:2])
        bench.planner.plan(model, frames, frames[::-1].copy(), [0, 1])
        assert model.kernel_path == "plain"


def test_where_the_time_went_and_what_was_kept_is_told():
    timing = Timing(
        measured_at="2026-01-05T00:00:00Z",
        suite_seconds={"voe": 1.25, "planning": 7.0},
        reused_cells=1,
        run_cells=3,
    )

    said = time_spent(timing, {"encoding": 2.0, "planning": 6.0})

    assert "3 run, 1 kept from before (25%)" in said
    assert "planning 7.0, voe 1.2" in said
    assert "by kind: planning 6.0, encoding 2.0" in said
