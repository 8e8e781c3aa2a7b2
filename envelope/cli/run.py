"""Run the suites on a checkpoint and gather what they leave."""

from datetime import datetime
from pathlib import Path

from envelope.cli.files import Folder, write_record
from envelope.cli.progress import CellProgress
from envelope.cli.source import tool
from envelope.cli.workbench import build
from envelope.deploy import DeployedPlanner
from envelope.records import Criteria, Measurements, Observation, Timing
from envelope.times import time_text
from perturbations import audit
from perturbations.cells import CellStore, Runner
from perturbations.profiles import Profile


def run(
    model: Path,
    files: Folder,
    *,
    world: str | None,
    adapter: str,
    criteria: Criteria,
    profile: Profile,
    suites: list[str],
    seed: int,
    device: str,
    now: datetime,
    declared: DeployedPlanner | None = None,
    threads: int | None = None,
) -> Measurements:
    """Measure; every finished cell is kept in the folder as it ends."""
    with CellProgress() as progress:
        runner = Runner(CellStore(files.cells), progress)
        work = build(
            model,
            world=world,
            adapter=adapter,
            criteria=criteria,
            profile=profile,
            suites=suites,
            seed=seed,
            device=device,
            runner=runner,
            declared=declared,
            threads=threads,
        )
        write_record(files.cells / "plan.json", work.plan)
        result = audit.run(work.bench, suites)
    return Measurements(
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
        cells=result.cells,
        summaries=audit.summarise(result.cells, result.monitors, work.plan),
        monitors=result.monitors,
        suites=audit.texts(suites),
        pictures=result.pictures,
        not_measured=result.not_measured,
        timing=Timing(
            measured_at=time_text(runner.oldest or now),
            suite_seconds={name: round(spent, 2) for name, spent in runner.seconds.items()},
            reused_cells=runner.reused_cells,
            run_cells=runner.run_cells,
        ),
    )
