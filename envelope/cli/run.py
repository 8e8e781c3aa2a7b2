"""Run the suites on a checkpoint and gather what they leave."""

from datetime import datetime
from functools import partial
from typing import NamedTuple

from envelope.cli.choices import Choices
from envelope.cli.files import Folder, write_record
from envelope.cli.forecast import foresee
from envelope.cli.progress import CellProgress
from envelope.cli.source import tool
from envelope.cli.workbench import Workbench, bench_of, build
from envelope.records import Measurements, Observation, Timing
from envelope.times import time_text
from perturbations import audit
from perturbations.cells.runner import CellStore, Runner
from perturbations.stopwatch import STOPWATCH


class Ran(NamedTuple):
    """What was measured, and where the time went."""

    measurements: Measurements
    seconds_by_kind: dict[str, float]
    """Of this run alone, over all processes."""


def run(choices: Choices, files: Folder, *, now: datetime) -> Measurements:
    """Measure; every finished cell is kept in the folder as it ends."""
    return run_timed(choices, files, now=now).measurements


def run_timed(choices: Choices, files: Folder, *, now: datetime) -> Ran:
    """As `run`, with the time that it took."""
    STOPWATCH.seconds.clear()
    with CellProgress() as progress:
        runner = Runner(CellStore(files.cells), progress, progress.begun)
        progress.doing("loading the model, laying out episodes")
        has_cells = any(files.cells.glob("*.json"))
        work = build(choices, runner)
        progress.doing("timing a frame and a plan")
        if forecast := foresee(work.bench, choices.suites, has_cells=has_cells):
            progress.expect(forecast.seconds / choices.num_workers, forecast.words)
        write_record(files.cells / "plan.json", work.plan)
        if choices.num_workers > 1:
            from perturbations.engine import run_ahead

            suites = audit.runnable(work.bench, choices.suites)
            run_ahead(partial(bench_of, choices), suites, runner, num_workers=choices.num_workers)
        result = audit.run(work.bench, choices.suites)
    with STOPWATCH.running("statistics"):
        summaries = audit.summarise(result.cells, result.monitors, work.plan)
    measurements = Measurements(
        format="measurements/0.1",
        tool=tool(),
        plan=work.plan,
        world=work.world_scope["world"],
        observation=Observation(
            size_px=work.world_scope["size_px"],
            env_steps_per_frame=work.bench.block_size,
        ),
        factors=work.world_scope["factors"],
        planner_scope=work.planner_scope,
        model_state=work.model_state,
        basis=work.bench.basis,
        cells=result.cells,
        summaries=summaries,
        monitors=result.monitors,
        suites=audit.texts(choices.suites),
        pictures=result.pictures,
        not_measured=result.not_measured,
        timing=Timing(
            measured_at=time_text(runner.oldest or now),
            suite_seconds={name: round(spent, 2) for name, spent in runner.seconds.items()},
            reused_cells=runner.reused_cells,
            run_cells=runner.run_cells,
            cost_seconds=_cost_seconds(work, choices),
        ),
    )
    return Ran(measurements, dict(STOPWATCH.seconds))


def _cost_seconds(work: Workbench, choices: Choices) -> dict[str, float]:
    """Seconds of a frame and of a plan, to four digits, if that was asked."""
    from perturbations.suites.cost import Cost
    from perturbations.suites.cost_rows import seconds

    if Cost.name not in choices.suites:
        return {}
    with STOPWATCH.running("timing"):
        return {of: float(f"{spent:.4g}") for of, spent in seconds(work.bench).items()}
