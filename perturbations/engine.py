"""Cells run ahead in several processes; the ordinary run then finds them in the store.

Every process walks through the same suites over one store. A cell that is not there yet is run by
the process that claims it first. One that another process holds is passed over, and what needs its
rows is left for a later walk. So a suite knows nothing of processes: all that does not wait for a
cell runs beside it, and the rows are those of an ordinary run, which collects them in its order.

A process that dies over a cell makes it a crashed one. The next run tries it again.
"""

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

from envelope.records import Cell
from perturbations.cells.claimed import Claims
from perturbations.cells.runner import CellKey, CellStore, Held, Progress, Runner, each
from perturbations.stopwatch import STOPWATCH

if TYPE_CHECKING:
    from perturbations.bench import Bench

MakeBench = Callable[[Runner], "Bench"]
"""Lays out the same bench in another process, around a runner. Has to be picklable."""
Calls = Sequence[Callable[[], Any]]
"""Everything that runs cells; none waits for one before it."""
MakeCalls = Callable[[Runner], Calls]
"""Lays out the same calls in another process, around a runner. Has to be picklable."""
LOST = "the process that ran it died"
_log = logging.getLogger(__name__)


def run_ahead(
    make_bench: MakeBench, suites: Sequence[str], runner: Runner, *, num_workers: int
) -> None:
    """Run the cells of the suites in processes of their own.

    Args:
        make_bench: as in the ordinary run.
        suites: names of the suites, as given to `audit.run`.
        runner: as for `run_calls_ahead`.
        num_workers: how many processes.
    """
    make_calls = partial(calls_of_suites, make_bench, tuple(suites))
    run_calls_ahead(make_calls, runner, num_workers=num_workers)


def run_calls_ahead(make_calls: MakeCalls, runner: Runner, *, num_workers: int) -> None:
    """Run the cells of the calls in processes of their own, and tell the runner what they did.

    Returns when no process is left. Cells that none of them ran are left to the ordinary run.

    Args:
        make_calls: what runs the cells, around the runner of a process.
        runner: of the ordinary run; its store is shared, its progress is told of every cell.
        num_workers: how many processes.

    Raises:
        ValueError: the runner has no store.
    """
    if runner.store is None:
        raise ValueError("processes share their cells through a store, and the runner has none")
    context = get_context("spawn")
    with TemporaryDirectory(prefix="envelope-claims-") as folder, contextlib.ExitStack() as stack:
        claims, open_ends = Claims(Path(folder)), []
        for _ in range(num_workers):
            receiving, sending = context.Pipe(duplex=False)
            settings = (logging.getLogger("perturbations").level, _num_threads())
            process = context.Process(
                target=_work,
                args=(make_calls, runner.store, claims, sending, *settings),
                daemon=True,
            )
            process.start()
            stack.callback(process.join)
            stack.callback(process.terminate)
            sending.close()
            open_ends.append(receiving)
        while open_ends:
            for end in wait(open_ends):
                try:
                    _note(runner, cast(Connection, end).recv())
                except EOFError:
                    open_ends.remove(cast(Connection, end))
        stack.close()
        lost = dict.fromkeys(claims.lost(), LOST)
        runner.crashed_elsewhere.update(claims.errors() | lost)


def _note(runner: Runner, told: Progress | dict[str, float]) -> None:
    """Take in a cell that ended, or where the time of a process went."""
    if isinstance(told, Progress):
        runner.ran_elsewhere.add(told.cell.id)
        runner.count(told)
    else:
        for kind, seconds in told.items():
            STOPWATCH.seconds[kind] += seconds


def _num_threads() -> int:
    import torch

    return torch.get_num_threads()


# --- in a process of its own --------------------------------------------------------------------


class SharingRunner(Runner):
    """Runs the cells that no other process runs; `waits_for` has the ids of those passed over."""

    def __init__(
        self, store: CellStore, claims: Claims, progress: Callable[[Progress], None] | None = None
    ) -> None:
        super().__init__(store, progress)
        self.claims = claims
        self.waits_for: list[str] = []

    def run(self, key: CellKey, fn: Callable[[], Mapping[str, Sequence[Any]]]) -> Cell:
        """As `Runner.run`; a cell that another process holds has no rows yet.

        Raises:
            Held: its rows need those of a cell that another process runs.
        """
        if key.id in self._ended:
            return self._ended[key.id]
        if found := self._ended_elsewhere(key):
            return found
        with self.claims.on(key.id) as claim:
            if claim == "held":
                self.waits_for.append(key.id)
                return cast(Cell, HeldCell(key))
            if claim == "lost":
                self.claims.crash(key.id, LOST)
            if found := self._ended_elsewhere(key):
                return found
            return self._shared(super().run(key, fn))

    def _ended_elsewhere(self, key: CellKey) -> Cell | None:
        error = self.claims.error(key.id)
        if error is not None:
            self.crashed_elsewhere[key.id] = error
        found = self._stored(key)
        if found is not None:
            self._ended[key.id] = found.cell
        return None if found is None else found.cell

    def _shared(self, cell: Cell) -> Cell:
        if cell.status == "crashed":
            self.claims.crash(cell.id, cell.error)
        return cell


class HeldCell:
    """A cell that another process is running: all is known of it but what it found."""

    def __init__(self, key: CellKey) -> None:
        self.id, self.suite, self.arm = key.id, key.suite, key.arm
        self.condition, self.cases = dict(key.condition), key.cases

    def __getattr__(self, name: str) -> Any:
        raise Held(f"{name} of the cell {self.suite} {self.condition}")


def calls_of_suites(make_bench: MakeBench, suites: Sequence[str], runner: Runner) -> Calls:
    from perturbations.audit import SUITES
    from perturbations.thresholds.calibration import calibration_cell

    bench = make_bench(runner)
    return [
        partial(calibration_cell, bench),
        *(partial(SUITES[name].run, bench) for name in suites),
    ]


def walk(make_calls: MakeCalls, runner: SharingRunner) -> None:
    """Make the calls again and again, until no cell of theirs is left to wait for."""
    calls = make_calls(runner)
    while True:
        runner.waits_for, before = [], runner.run_cells
        with contextlib.suppress(Held):
            each(calls)
        if not runner.waits_for:
            return
        if runner.run_cells == before:
            runner.claims.wait(runner.waits_for[0])


def _work(
    make_calls: MakeCalls,
    store: CellStore,
    claims: Claims,
    told: Connection,
    log_level: int,
    num_threads: int,
) -> None:
    import torch

    _end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told too, and ends this one
    logging.getLogger("perturbations").setLevel(log_level)
    torch.set_num_threads(num_threads)

    def tell(progress: Progress) -> None:
        bare = progress.cell.model_copy(update={"rows": {}})
        told.send(replace(progress, cell=bare))

    runner = SharingRunner(store, claims, tell)
    try:
        walk(make_calls, runner)
    except Exception:
        _log.warning("a process left its cells to the others", exc_info=True)
    told.send(dict(STOPWATCH.seconds))


def _end_with_parent() -> None:
    """Let no process go on alone when the one that started it was killed."""
    parent = parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
