"""What a migration reports beside its comparisons: rates of both arms, thresholds, the interface.

None of it decides. A probe says what can be read off a latent, not what a planner makes of it, and
a smaller latent error says nothing at all.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from envelope.errors import EnvelopeError
from envelope.records import Cell, Estimate, Measurement, Scalar
from perturbations.cells import rows
from perturbations.migration.batches import SUITE
from perturbations.monitors.kinds import SUITE as MONITORING
from perturbations.statistics import bootstrap
from perturbations.suites import voe
from perturbations.suites.horizon_drift import NAME as DRIFT
from perturbations.thresholds import calibration

Pairs = tuple[NDArray[np.bool_], NDArray[np.bool_]] | tuple[NDArray[np.float64], ...]
"""Outcomes of candidate and base by case, (N,) each."""


@dataclass(frozen=True)
class Side:
    """One of the two arms: its cells, and thresholds from its own calibration rows."""

    name: str
    cells: list[Cell]
    thresholds: dict[str, float]
    problem: str
    """Why there are no thresholds."""

    @cached_property
    def calibration(self) -> Cell | None:
        """Scores of the calibration episodes."""
        return next(iter(rows.select(self.cells, MONITORING, episodes="calibration")), None)

    @cached_property
    def clips(self) -> list[Cell]:
        """One cell per violation class."""
        return [cell for cell in rows.select(self.cells, voe.NAME) if "magnitude" in cell.condition]

    @cached_property
    def lawful(self) -> list[Cell]:
        """The scoring episodes without a violation."""
        return rows.select(self.cells, voe.NAME, violation="none")

    @cached_property
    def drift(self) -> list[Cell]:
        """Errors of rollouts."""
        return rows.select(self.cells, DRIFT)

    def clips_of(self, violation: str) -> Cell | None:
        """Of one class."""
        return next((c for c in self.clips if c.condition["violation"] == violation), None)

    def trouble_with(self, monitor: str) -> str:
        """Why nothing can be said of a monitor; empty when something can."""
        if monitor not in self.thresholds:
            return self.problem or f"the {self.name} has no monitor {monitor}"
        return rows.trouble(self.lawful)

    def false_alarms(self, monitor: str, threshold: float | None = None) -> NDArray[np.bool_]:
        """Which scoring episodes alarm, (N,), at the arm's own threshold unless given."""
        limit = self.thresholds[monitor] if threshold is None else threshold
        return np.asarray(rows.numbers(self.lawful[0], monitor) > limit)

    def drift_up_to(self, horizon: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Errors of rollouts, and of nothing-moves, by episode and horizon, (N, horizon) each."""
        parts = [self.drift_parts(steps) for steps in range(1, horizon + 1)]
        error, still = (np.stack(columns, axis=1) for columns in zip(*parts, strict=True))
        return error, still

    def drift_parts(self, horizon: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Errors of rollouts, and of nothing-moves, by episode, (N,) each."""
        cell = self.drift[0]
        return rows.numbers(cell, f"error_{horizon}"), rows.numbers(cell, f"still_{horizon}")


def side(name: str, cells: Sequence[Cell], false_alarms: float) -> Side:
    """An arm from its cells."""
    problem, found = "", dict[str, float]()
    scored = rows.select(cells, MONITORING, episodes="calibration")
    problem = rows.trouble(scored)
    if not problem:
        try:
            set_ = calibration.calibrate(scored[0], false_alarms)
            found = {monitor.name: monitor.threshold for monitor in set_}
        except EnvelopeError as error:
            problem = error.problem
    return Side(name, list(cells), found, problem)


def rates(sides: tuple[Side, Side], successes: Pairs, horizon: int) -> list[Measurement]:
    """What each arm does by itself, at thresholds of its own."""
    found = []
    for arm, solved in zip(("candidate", "base"), successes, strict=True):
        rate, note = rows.share(np.asarray(solved, dtype=bool))
        found.append(rows.measurement(SUITE, "success", {"arm": arm}, rate, note=note))
    for one in sides:
        found += _monitor_rates(one)
        if not rows.trouble(one.drift):
            ratio = bootstrap.ratio_of_sums(*one.drift_parts(horizon), seed=0)
            about: dict[str, Scalar] = {"arm": one.name, "horizon": horizon}
            found.append(rows.measurement(SUITE, "drift_ratio", about, ratio))
    return found


def with_threshold_of_base(sides: tuple[Side, Side], *, seed: int) -> list[Measurement]:
    """What becomes of an alarm if nobody sets the threshold again."""
    base, candidate = sides
    found = []
    for name, threshold in base.thresholds.items():
        if candidate.trouble_with(name) or base.calibration is None:
            continue
        about: dict[str, Scalar] = {"monitor": name}
        rate, note = rows.share(candidate.false_alarms(name, threshold))
        found.append(
            rows.measurement(SUITE, "false_alarms_at_base_threshold", about, rate, note=note)
        )
        found.append(
            rows.measurement(SUITE, "threshold_ratio", about, _shift(base, candidate, name, seed))
        )
        for cell in _usable(candidate.clips):
            seen, note = rows.share(voe.detected(cell, name, threshold))
            where = {**about, "violation": cell.condition["violation"]}
            found.append(
                rows.measurement(SUITE, "detection_at_base_threshold", where, seen, note=note)
            )
    return found


def interface(cells: Sequence[Cell], *, seed: int) -> list[Measurement]:
    """How far the latents of the same states moved, and what a linear probe reads off them."""
    cell = next((c for c in rows.select(cells, SUITE) if "compared" in c.condition), None)
    if cell is None or cell.status == "crashed":
        return []
    motion, found = rows.numbers(cell, "motion"), []
    for column, after in (("raw", "nothing"), ("mapped", "best_linear_map")):
        moved = None
        if column in cell.rows:
            moved = _root(bootstrap.ratio_of_sums(rows.numbers(cell, column), motion, seed=seed))
        note = "" if moved else "latents of other widths, or too few episodes"
        found.append(
            rows.measurement(
                SUITE,
                "latent_displacement",
                {"after": after},
                moved,
                unit="lawful_blocks",
                note=note,
            )
        )
    for arm in ("base", "candidate"):
        error = bootstrap.ratio_of_sums(
            rows.numbers(cell, f"place_{arm}"), rows.numbers(cell, "place"), seed=seed
        )
        told = None if error is None else _explained(error)
        found.append(rows.measurement(SUITE, "probe_r2", {"arm": arm}, told))
    return found


def _monitor_rates(one: Side) -> Iterator[Measurement]:
    for name in one.thresholds:
        about: dict[str, Scalar] = {"arm": one.name, "monitor": name}
        if not one.trouble_with(name):
            rate, note = rows.share(one.false_alarms(name))
            yield rows.measurement(SUITE, "false_alarms", about, rate, note=note)
        for cell in _usable(one.clips):
            seen, note = rows.share(voe.detected(cell, name, one.thresholds[name]))
            where = {**about, "violation": cell.condition["violation"]}
            yield rows.measurement(SUITE, "detection", where, seen, note=note)


def _usable(clips: Iterable[Cell]) -> list[Cell]:
    return [cell for cell in clips if not voe.trouble(cell)]


def _shift(base: Side, candidate: Side, monitor: str, seed: int) -> Estimate | None:
    """The candidate's threshold over the base's, calibration episodes kept together."""
    assert base.calibration is not None
    assert candidate.calibration is not None
    old, new = (rows.numbers(cell, monitor) for cell in (base.calibration, candidate.calibration))
    rank = int((old <= base.thresholds[monitor]).sum()) - 1
    if len(old) != len(new) or base.thresholds[monitor] <= 0:
        return None

    def ratio(chosen: NDArray[np.int64]) -> float:
        return float(np.sort(new[chosen])[rank] / max(np.sort(old[chosen])[rank], 1e-12))

    return bootstrap.statistic(ratio, len(old), seed=seed)


def _root(squared: Estimate | None) -> Estimate | None:
    if squared is None:
        return None
    ends = {name: getattr(squared, name) ** 0.5 for name in ("value", "low", "high")}
    return squared.model_copy(update=ends)


def _explained(error: Estimate) -> Estimate:
    ends = {"value": 1 - error.value, "low": 1 - error.high, "high": 1 - error.low}
    return error.model_copy(update=ends)
