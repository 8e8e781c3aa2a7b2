"""Run the migration suite on two checkpoints and decide what it shows."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple, cast

from envelope import gate
from envelope.cli.candidate import remarks_on
from envelope.cli.choices import Choices
from envelope.cli.identity import identify, kernel_path, model_digest
from envelope.cli.kept_cells import kept_cells
from envelope.cli.progress import CellProgress
from envelope.cli.source import tool
from envelope.cli.workbench import ADAPTERS, Workbench, build
from envelope.errors import EnvelopeError
from envelope.records import Cell, Margins, Measurements, ModelState, Timing
from envelope.times import time_text
from lewm.adapter import AuditableModel
from perturbations.bench import Bench
from perturbations.cells.runner import Runner
from perturbations.engine import Calls, run_calls_ahead
from perturbations.migration.migration import Migration
from perturbations.seeding import derive_seed
from perturbations.stopwatch import STOPWATCH

SUITES = ("planning", "voe", "horizon_drift")
"""Suites whose cells a migration takes from, and shares with, `envelope measure`."""


@dataclass(frozen=True)
class Outcome:
    """A decision, and cells that crashed instead of saying something."""

    gate: gate.Gate
    crashed: list[Cell]
    timing: Timing
    seconds_by_kind: dict[str, float]
    """Of this run alone, over all processes."""


class _Sides(NamedTuple):
    """Base and candidate, laid out to be compared."""

    work: Workbench
    suite: Migration
    bench: Bench
    """The candidate's."""
    state: ModelState
    """Likewise."""


def migrate(
    choices: Choices,
    candidate: Path,
    cells: Path,
    *,
    margins: Margins,
    monitors: tuple[str, ...],
    now: datetime,
    recorded: ModelState | None = None,
    signed: Measurements | None = None,
    fresh: bool = False,
) -> Outcome:
    """Compare, and decide.

    Args:
        choices: about the base; the candidate is measured likewise, under the base's planner.
        candidate: checkpoint.
        cells: folder that keeps finished cells.
        margins: largest harmless differences.
        monitors: whose detections and false alarms decide.
        now: time of day, for the record.
        recorded: model state in the base's attestation, which the base must have.
        signed: its measurements, which are then believed instead of cells beside the models.
        fresh: draw cases that follow from both models, and believe no cell of another run.

    Raises:
        EnvelopeError: the two cannot be compared, or the suite cannot measure this.
        DigestMismatch: the base is not the model in the record.
        LewmError: a checkpoint cannot be loaded.
    """
    STOPWATCH.seconds.clear()
    models = (choices.model, candidate)
    with CellProgress() as progress, kept_cells(cells, models, signed, fresh=fresh) as store:
        runner = Runner(store, progress)
        lay_out = partial(_sides, choices, candidate, margins, monitors)
        work, suite, bench, state = lay_out(runner)
        if recorded is not None:
            _require_recorded(work.model_state, recorded, choices.model)
        if fresh:
            choices = replace(choices, seed=gate.fresh_seed(work.model_state, state))
            lay_out = partial(_sides, choices, candidate, margins, monitors)
            work, suite, bench, state = lay_out(runner)
        same = bench.identity == work.bench.identity
        if not same and choices.num_workers > 1 and not _at_a_glance(suite, bench):
            run_calls_ahead(partial(_calls, lay_out), runner, num_workers=choices.num_workers)
        found = [] if same else suite.run(bench)
    with STOPWATCH.running("statistics"):
        summaries = [] if same else suite.summarise(found, seed=choices.seed)
        needed = {} if same else suite.cases_that_would_decide(found)
    pair = cast(AuditableModel, bench.model), cast(AuditableModel, work.bench.model)
    remarks = remarks_on(*pair, is_same=same)
    remarks += gate.remarks_on_base(summaries, choices.criteria)
    compared = gate.compare(summaries, margins, needed)
    decision, reasons = gate.SAME if same else gate.decide(compared)
    measured_at = time_text(runner.oldest or now)
    made = gate.Gate(
        format="gate/0.1",
        decision=decision,
        exit_status=0 if decision == "accept" else 1,
        reasons=reasons,
        compared=compared,
        reported=gate.reported(summaries),
        base=work.model_state,
        candidate=state,
        margins=margins,
        criteria=choices.criteria,
        planner_scope=work.planner_scope,
        world=work.world_scope["world"],
        profile=choices.profile.name,
        seed=choices.seed,
        is_fresh=fresh,
        num_cases=len(work.bench.cases),
        num_cases_run=suite.num_cases_run(found),
        cells=[cell.id for cell in found],
        remarks=remarks,
        tool=tool(),
        measured_at=measured_at,
    )
    timing = Timing(
        measured_at=measured_at,
        suite_seconds={name: round(spent, 2) for name, spent in runner.seconds.items()},
        reused_cells=runner.reused_cells,
        run_cells=runner.run_cells,
    )
    crashed = [cell for cell in found if cell.status == "crashed"]
    return Outcome(made, crashed, timing, dict(STOPWATCH.seconds))


def _sides(
    choices: Choices, candidate: Path, margins: Margins, monitors: tuple[str, ...], runner: Runner
) -> _Sides:
    work = build(choices, runner)
    bench, state = _candidate_bench(work, choices, candidate)
    return _Sides(work, Migration(work.bench, margins, monitors), bench, state)


def _at_a_glance(suite: Migration, bench: Bench) -> bool:
    """Whether the first batch settles it, which takes less time than starting processes."""
    return suite.is_settled(suite.closed_loop(bench, looks=1))


def _calls(lay_out: Callable[[Runner], _Sides], runner: Runner) -> Calls:
    sides = lay_out(runner)
    return [partial(sides.suite.run, sides.bench)]


def _candidate_bench(work: Workbench, choices: Choices, path: Path) -> tuple[Bench, ModelState]:
    """The base's bench with another model on it: same world, planner, cases and episodes."""
    model = ADAPTERS[choices.adapter](path, choices.device)
    state = identify(model, adapter=choices.adapter)
    _require_comparable(model, path.name, work, choices)
    STOPWATCH.watch(model, encode="encoding", predict="predicting", rollout="predicting")
    bench = replace(
        work.bench,
        model=model,
        twin=model.untrained_twin(derive_seed(choices.seed, "twin")),
        identity={
            **work.bench.identity,
            "model": model_digest(state, model),
            "kernels": kernel_path(model),
        },
    )
    return bench, state


def _require_comparable(
    model: AuditableModel, name: str, work: Workbench, choices: Choices
) -> None:
    """Hold the candidate to what the base's planner and world need; latents may differ in width."""
    trained_in = model.world.get("world")
    old = work.bench
    for what, theirs, ours in (
        ("world", choices.world or trained_in, work.world_scope["world"]),
        ("frame size in px", model.config.image_size, work.world_scope["size_px"]),
        ("action width", model.action_width, old.model.action_width),
        ("block size in env steps", model.block_size, old.block_size),
    ):
        if theirs != ours:
            raise EnvelopeError(
                f"{name} cannot take the place of {choices.model.name}: its {what} is {theirs}, "
                f"the base's {ours}",
                next_step="compare a candidate with the base that it was made from",
            )
    model.require_world(old.world)


def _require_recorded(state: ModelState, recorded: ModelState, path: Path) -> None:
    from envelope.same_model import ModelIdentity, require_same_model

    files = {file.path: file.sha256 for file in state.files}
    at_hand = ModelIdentity(path.name, files, state.tensor_digest, state.config_digest)
    require_same_model(recorded, at_hand)
