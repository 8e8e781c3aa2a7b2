"""The unit of work: one condition on one set of cases, addressed by the digest of its inputs.

A finished cell is one file. A run that was killed reads its finished cells back and runs the
rest; a cell that raised is recorded as crashed and runs again next time.
"""

import json
import logging
import math
import os
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from pydantic import ValidationError

from envelope.records import Cell, Scalar
from perturbations.seeding import digest_json

Column = list[float | int | bool | str | None]
Rows = dict[str, Column]
T = TypeVar("T")
_FORMAT = "cell/0.2"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CellKey:
    """Everything that decides the rows of a cell, and nothing else."""

    suite: str
    arm: str
    condition: Mapping[str, Scalar]
    cases: str
    """Digest of the cases, episodes or clips."""
    seed: int
    streams: tuple[int, ...] = ()
    """Planner streams that the cell uses."""
    identity: Mapping[str, str] = field(default_factory=dict)
    """Digests of what was measured with: model, world, planner, evaluator. Only those that the
    rows depend on, so that a changed planner leaves open-loop cells as they are."""

    @property
    def id(self) -> str:
        """sha256 over all fields."""
        return digest_json(
            {
                "suite": self.suite,
                "arm": self.arm,
                "condition": dict(self.condition),
                "cases": self.cases,
                "seed": self.seed,
                "streams": list(self.streams),
                "identity": dict(self.identity),
            }
        )


class Finished(NamedTuple):
    """A cell, and when and how long it ran."""

    cell: Cell
    seconds: float
    started_at: datetime


class Held(BaseException):
    """Another process runs a cell whose rows are needed here; like an interrupt, it is no crash."""


def each(calls: Sequence[Callable[[], T]]) -> list[T]:
    """What calls give that do not wait for one another.

    In a process that shares its cells with others, a call that needs what another process is
    running does not keep the ones after it from being made.

    Raises:
        Held: one of them needs a cell that another process runs.
    """
    found: list[T] = []
    held: Held | None = None
    for call in calls:
        try:
            found.append(call())
        except Held as error:
            held = error
    if held is not None:
        raise held
    return found


class CellStore:
    """Finished cells in a folder, one JSON file each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, cell_id: str) -> "Finished | None":
        """A finished cell with its times; None when there is none to be read."""
        try:
            data = json.loads(self._path(cell_id).read_bytes())
            found = Finished(
                Cell.model_validate(data["cell"]),
                float(data["seconds"]),
                datetime.fromisoformat(data["started_at"]),
            )
            whole = found.started_at.tzinfo is not None and data["format"] == _FORMAT
        except (OSError, ValueError, KeyError, TypeError):  # ValidationError is a ValueError
            return None
        return found if whole and found.cell.id == cell_id and found.cell.status == "done" else None

    def save(self, finished: "Finished") -> None:
        """Write a finished cell so that a reader finds all of it or nothing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        cell = finished.cell
        text = json.dumps(
            {
                "format": _FORMAT,
                "seconds": finished.seconds,
                "started_at": finished.started_at.isoformat(),
                "cell": cell.model_dump(mode="json"),
            },
            allow_nan=False,
        )
        handle, name = tempfile.mkstemp(dir=self.folder, suffix=".part")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self._path(cell.id))
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _path(self, cell_id: str) -> Path:
        return self.folder / f"{cell_id}.json"


@dataclass(frozen=True)
class Progress:
    """One cell that came to its end."""

    cell: Cell
    seconds: float
    reused: bool


class Runner:
    """Runs cells in this process, reusing those in the store.

    `seconds` (by suite; reused cells at their first cost), `reused_cells`, `run_cells` and
    `oldest` (when the first of all these cells ran: reusing extends nothing) are kept apart from
    the rows: rows are the same on every run, times are not. Cells that other processes ran for
    this run (perturbations/engine.py) are no reused ones: `ran_elsewhere` holds their ids, and
    `crashed_elsewhere` what was raised, by id.
    """

    def __init__(
        self,
        store: CellStore | None = None,
        progress: Callable[[Progress], None] | None = None,
        begun: Callable[[CellKey], None] | None = None,
    ) -> None:
        self.store = store
        self.progress = progress
        self.begun = begun
        self.seconds: dict[str, float] = defaultdict(float)
        self.reused_cells = 0
        self.run_cells = 0
        self.oldest: datetime | None = None
        self.ran_elsewhere: set[str] = set()
        self.crashed_elsewhere: dict[str, str] = {}
        self._ended: dict[str, Cell] = {}
        self._inside_seconds = 0.0

    def run(self, key: CellKey, fn: Callable[[], Mapping[str, Sequence[Any]]]) -> Cell:
        """Rows of one cell: read back, or made by `fn`.

        An exception in `fn`, or a number that is not finite, gives a crashed cell. An interrupt
        is no crash and passes through. A cell that two suites ask for ends once.
        """
        if key.id in self._ended:
            return self._ended[key.id]
        stored = self._stored(key)
        if stored is not None:
            finished = stored
        else:
            finished = self._timed(key, fn)
            if self.store and finished.cell.status == "done":
                self.store.save(finished)
        self.oldest = min(self.oldest or finished.started_at, finished.started_at)
        if key.id not in self.ran_elsewhere:
            is_reused = stored is not None and key.id not in self.crashed_elsewhere
            self.count(Progress(finished.cell, finished.seconds, reused=is_reused))
        self._ended[key.id] = finished.cell
        return finished.cell

    def has(self, key: CellKey) -> bool:
        """Whether a cell came to its end before, so that it would not run."""
        return key.id in self._ended or self._stored(key) is not None

    def count(self, ended: Progress) -> None:
        """Take a cell into account that came to its end, here or in another process."""
        self.reused_cells += ended.reused
        self.run_cells += not ended.reused
        self.seconds[ended.cell.suite] += ended.seconds
        if self.progress:
            self.progress(ended)

    def _stored(self, key: CellKey) -> Finished | None:
        """The cell as it ended before, or in another process of this run."""
        if key.id in self.crashed_elsewhere:
            error = self.crashed_elsewhere[key.id]
            return Finished(_cell(key, error=error), 0.0, datetime.now(UTC))
        return self.store.load(key.id) if self.store else None

    def _timed(self, key: CellKey, fn: Callable[[], Mapping[str, Sequence[Any]]]) -> Finished:
        """The cell, and the seconds it took less those of cells that it ran itself."""
        if self.begun:
            self.begun(key)
        started_at = datetime.now(UTC)
        around, self._inside_seconds = self._inside_seconds, 0.0
        started = time.perf_counter()
        try:
            cell = self._attempt(key, fn)
        finally:
            taken = time.perf_counter() - started
            own, self._inside_seconds = taken - self._inside_seconds, around + taken
        return Finished(cell, own, started_at)

    def _attempt(self, key: CellKey, fn: Callable[[], Mapping[str, Sequence[Any]]]) -> Cell:
        try:
            return _cell(key, rows=_plain_rows(fn()))
        except ValidationError as error:
            return _cell(key, error=f"rows do not fit a cell: {error.errors()[0]['msg']}")
        except Exception as error:
            _log.warning("a cell of %s crashed", key.suite, exc_info=True)
            return _cell(key, error=crash_message(error))


def _cell(key: CellKey, *, rows: Rows | None = None, error: str = "") -> Cell:
    return Cell(
        id=key.id,
        suite=key.suite,
        arm=key.arm,
        condition=dict(key.condition),
        cases=key.cases,
        status="crashed" if rows is None else "done",
        rows=rows or {},
        error=error,
    )


def _plain_rows(rows: Mapping[str, Sequence[Any]]) -> Rows:
    return {name: [_plain(item, name, i) for i, item in enumerate(c)] for name, c in rows.items()}


def _plain(item: Any, column: str, index: int) -> float | int | bool | str | None:
    if isinstance(item, np.generic):
        item = item.item()
    if item is not None and not isinstance(item, (bool, int, float, str)):
        raise TypeError(f"column {column} holds a {type(item).__name__} at row {index}")
    if isinstance(item, float):
        if not math.isfinite(item):
            raise ValueError(f"column {column} holds {item} at row {index}: not a finite number")
        # Beyond seven digits a float32 has nothing to say, and files grow threefold.
        return float(f"{item:.7g}")
    return item


def crash_message(error: Exception) -> str:
    """What was raised, on one line, without the folders of this machine."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    text = re.sub(r"(?:[A-Za-z]:)?(?:[/\\][^\s/\\'\":,]+)+[/\\]", ".../", text)
    return text if len(text) <= 500 else text[:497] + "..."
