"""The comparisons that decide a migration, from the cells that there are so far.

Every comparison that could be asked for counts in the family, those that were not measured yet as
well, so that a loss is shown by the whole family's error rate at whatever point a run ends.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from envelope.records import Cell, Margins, Scalar
from perturbations.cells import rows
from perturbations.migration import horizon, report
from perturbations.migration.batches import SUITE
from perturbations.migration.comparison import (
    Comparison,
    not_measured,
    outcomes,
    watched_outcomes,
)
from perturbations.statistics import stats
from perturbations.suites import planning, voe

BASE = "base"
"""Arm under which the base's cells are kept; the candidate's is `model`."""
ALPHA = 1 - stats.CONFIDENCE
_NOT_RUN = rows.trouble([])
_STOPPED = "not run: another comparison had decided before"


@dataclass(frozen=True)
class Asked:
    """What a candidate is held to."""

    margins: Margins
    watched_by: tuple[str, ...]
    """Monitors whose detections and false alarms decide."""
    violations: Mapping[str, float]
    """Classes that can be shown here, with the magnitude that is claimed."""
    detection_rate: float
    """A class that the base detects less often for sure is not asked of the candidate."""
    false_alarms_per_episode: float
    """For which thresholds are set."""
    horizon: int
    """Model steps."""
    max_drift_ratio: float
    """Up to which a rollout is usable."""
    num_cases: int
    """Closed-loop cases that were planned."""


def as_base(cell: Cell) -> Cell:
    """A cell of the base, told apart from the candidate's."""
    return cell.model_copy(update={"arm": BASE})


@dataclass(frozen=True)
class Evidence:
    """Cells of both arms, and what they say of the candidate."""

    asked: Asked
    cells: Sequence[Cell]

    @cached_property
    def comparisons(self) -> list[Comparison]:
        """The whole family; what was not measured has no difference, and a note that says why."""
        made = list(self._made())
        if any(self._is_worse(one, len(made)) for one in made):
            return [one._replace(note=_STOPPED) if one.note == _NOT_RUN else one for one in made]
        return made

    def shows_a_loss(self) -> bool:
        """Whether one comparison shows the candidate to be worse, whatever all others would say.

        By Bonferroni over the whole family, which no step of Holm's can overturn.
        """
        family = self.comparisons
        return any(self._is_worse(one, len(family)) for one in family)

    @cached_property
    def successes(self) -> report.Pairs:
        """Outcomes (candidate, base) of the cases that both ran, in their order, (N,) each."""
        if self._trouble_with_success:
            return np.empty(0), np.empty(0)
        base = _by_case(_closed_loop(_of_base(self.cells)))
        candidate = _by_case(_batches(self._of_candidate))
        both = [one for one in candidate if one in base]
        return (
            np.array([candidate[one] for one in both], dtype=bool),
            np.array([base[one] for one in both], dtype=bool),
        )

    @cached_property
    def sides(self) -> tuple[report.Side, report.Side]:
        """Base and candidate: cells and thresholds of their own."""
        rate = self.asked.false_alarms_per_episode
        return (
            report.side(BASE, _of_base(self.cells), rate),
            report.side("candidate", self._of_candidate, rate),
        )

    def _made(self) -> Iterator[Comparison]:
        detections = list(self._detections_asked_for())
        family = 1 + len(detections) + len(self.asked.watched_by) + 1
        yield self._success(family)
        for monitor, violation in detections:
            yield self._detection(monitor, violation, family)
        for monitor in self.asked.watched_by:
            yield self._false_alarms(monitor, family)
        yield self._usable_horizon()

    def _is_worse(self, one: Comparison, family: int) -> bool:
        found = one.difference
        if found is None or one.p_worse * family > ALPHA:
            return False
        harm = found.high if one.quantity == "false_alarms_difference" else -found.low
        return harm >= self._margin(one)

    def _margin(self, one: Comparison) -> float:
        return float(getattr(self.asked.margins, one.quantity.removesuffix("_difference")))

    @property
    def _of_candidate(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.arm != BASE]

    @property
    def _trouble_with_success(self) -> str:
        base = rows.trouble(_closed_loop(_of_base(self.cells)))
        return base or rows.trouble(_batches(self._of_candidate))

    def _success(self, family: int) -> Comparison:
        candidate, base = self.successes
        if not len(candidate):
            return not_measured("success_difference", {}, self._trouble_with_success)
        return watched_outcomes(
            "success_difference",
            {},
            candidate,
            base,
            margin=self.asked.margins.success,
            planned=self.asked.num_cases,
            family=family,
        )

    def _detections_asked_for(self) -> Iterator[tuple[str, str]]:
        """Monitor and class of all that the base is not known to be blind to."""
        base, _ = self.sides
        for monitor in self.asked.watched_by:
            threshold = base.thresholds.get(monitor)
            for violation in self.asked.violations:
                cell = base.clips_of(violation)
                if threshold is None or cell is None:
                    yield monitor, violation
                elif not voe.trouble(cell):
                    rate, _ = rows.share(voe.detected(cell, monitor, threshold))
                    if rate is not None and rate.high >= self.asked.detection_rate:
                        yield monitor, violation

    def _detection(self, monitor: str, violation: str, family: int) -> Comparison:
        base, candidate = self.sides
        condition: dict[str, Scalar] = {
            "monitor": monitor,
            "violation": violation,
            "magnitude": self.asked.violations[violation],
        }
        cell, twin = base.clips_of(violation), candidate.clips_of(violation)
        why = base.trouble_with(monitor) or candidate.trouble_with(monitor)
        if why or cell is None or twin is None:
            return not_measured("detection_difference", condition, why or _NOT_RUN)
        if why := voe.trouble(twin):
            return not_measured("detection_difference", condition, why)
        both, mine, old = np.intersect1d(voe.counted(twin), voe.counted(cell), return_indices=True)
        if len(both) < 2:
            why = f"{len(both)} clips count in both arms"
            return not_measured("detection_difference", condition, why)
        return outcomes(
            "detection_difference",
            condition,
            voe.detected(twin, monitor, candidate.thresholds[monitor])[mine],
            voe.detected(cell, monitor, base.thresholds[monitor])[old],
            margin=self.asked.margins.detection,
            family=family,
        )

    def _false_alarms(self, monitor: str, family: int) -> Comparison:
        base, candidate = self.sides
        condition: dict[str, Scalar] = {"monitor": monitor}
        why = base.trouble_with(monitor) or candidate.trouble_with(monitor)
        if why:
            return not_measured("false_alarms_difference", condition, why)
        return outcomes(
            "false_alarms_difference",
            condition,
            candidate.false_alarms(monitor),
            base.false_alarms(monitor),
            margin=self.asked.margins.false_alarms,
            higher_is_worse=True,
            family=family,
        )

    def _usable_horizon(self) -> Comparison:
        base, candidate = self.sides
        condition: dict[str, Scalar] = {"horizon": self.asked.horizon}
        why = rows.trouble(base.drift) or rows.trouble(candidate.drift)
        if why:
            return not_measured(horizon.QUANTITY, condition, why)
        return horizon.compare(
            condition,
            candidate.drift_up_to(self.asked.horizon),
            base.drift_up_to(self.asked.horizon),
            limit=self.asked.max_drift_ratio,
        )


def _of_base(cells: Sequence[Cell]) -> list[Cell]:
    """Cells of the base, under the arm that the suites give them."""
    return [cell.model_copy(update={"arm": "model"}) for cell in cells if cell.arm == BASE]


def _batches(cells: Sequence[Cell]) -> list[Cell]:
    return [cell for cell in rows.select(cells, SUITE) if "first_case" in cell.condition]


def _closed_loop(cells: Sequence[Cell]) -> list[Cell]:
    """Of the base: what `envelope measure` ran on every stream, or the batches that pair with the
    candidate's."""
    return planning.clean_model_cells(cells) or _batches(cells)


def _by_case(cells: Sequence[Cell]) -> dict[tuple[int, int], bool]:
    """Outcome by planner stream and number of the case, in the order in which they ran."""
    return {
        (int(stream), int(case)): bool(solved)
        for cell in cells
        for stream, case, solved in zip(
            rows.numbers(cell, "stream"),
            rows.numbers(cell, "case"),
            rows.outcomes(cell),
            strict=True,
        )
    }
