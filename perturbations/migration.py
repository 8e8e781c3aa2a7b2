"""Migration: a candidate against the base it was made from."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envelope.errors import EnvelopeError
from envelope.records import CalibratedMonitor, Cell, Margins, Measurement, Scalar
from perturbations import migration_report as report
from perturbations import migration_rows, monitors, planning, rows, sequential, stats, voe
from perturbations.bench import Bench
from perturbations.comparison import (
    Comparison,
    not_measured,
    outcomes,
    ratios,
    watched_outcomes,
)
from perturbations.horizon_drift import drift_cell
from perturbations.suite import Suite

BASE = "base"
"""Arm under which the base's cells are kept; the candidate's is `model`."""
MARGINS = Margins(success=0.05, detection=0.1, false_alarms=0.05, drift_ratio=0.05)
Part = Callable[[], list[Cell]]
_ALPHA = 1 - stats.CONFIDENCE
_STOPPED = "not run: the closed loop had decided before"


@dataclass(frozen=True)
class Migration(Suite):
    """Is the candidate at least as good as the base it was made from, where it matters?

    Why it matters: fine-tuning moves the latent space under a planner, thresholds and a horizon
    that were measured with the old one. Probes and prediction errors can improve while planning
    and monitoring get worse, so neither is evidence here.

    Observes: candidate less base on the same cases, planner streams, episodes and clips:
    `success_difference` in closed loop; `detection_difference` of every violation class that is no
    blind spot of the base, and `false_alarms_difference`, each with thresholds of its own;
    `drift_ratio_difference` at the planner's horizon. Reported beside these, and deciding nothing:
    both arms' rates, `threshold_ratio` and what the base's threshold would do on the candidate,
    `latent_displacement` over the same states in units of a lawful block's motion, `probe_r2`.

    Blind to: nuisances, search other than the base's planner's, and whatever the base was not
    measured for either; a defect that both share is no difference.
    """

    name = migration_rows.SUITE
    family = "F6"

    base: Bench
    margins: Margins = MARGINS
    watched_by: tuple[str, ...] = ("surprise",)
    """Monitors whose detections and false alarms decide."""

    def __post_init__(self) -> None:
        """Refuse a monitor that does not exist.

        Raises:
            EnvelopeError: it does not.
        """
        unknown = sorted(set(self.watched_by) - set(monitors.MONITORS))
        if unknown or not self.watched_by:
            raise EnvelopeError(
                f"no monitor is called {', '.join(unknown) or 'nothing'}; there are "
                f"{', '.join(monitors.MONITORS)}",
                next_step="name the monitors that the deployment relies on",
            )

    def run(self, bench: Bench) -> list[Cell]:
        """Cells of the base, then of the candidate, whose bench this is, until it is decided.

        Raises:
            EnvelopeError: the two cannot be compared.
        """
        self._require_comparable(bench)
        found = self._until_decided(bench)
        if any(cell.status == "crashed" for cell in found):
            return found
        candidate = _only_claimed(bench)
        if not self.is_worse_already(found):
            found += [cell for part in _parts(candidate) for cell in part()]
        return [*found, migration_rows.interface_cell(self._claimed_base, candidate)]

    def calls(self, bench: Bench) -> list[Callable[[], Any]]:
        """What `run` does, in calls that several processes can share out among themselves."""
        candidate = _only_claimed(bench)

        def unless_decided(part: Part) -> None:
            found = self._until_decided(bench)
            if not self.is_worse_already(found):
                part()

        return [
            partial(planning.clean_cells, self.base),
            *_parts(self._claimed_base),
            partial(self._until_decided, bench),
            *(partial(unless_decided, part) for part in _parts(candidate)),
            partial(migration_rows.interface_cell, self._claimed_base, candidate),
        ]

    def summarise(
        self, cells: Sequence[Cell], monitors: Sequence[CalibratedMonitor] = (), *, seed: int
    ) -> list[Measurement]:
        """See the class docstring; thresholds of both arms are set from their own rows."""
        compared = list(self.compare(cells))
        adjusted = stats.holm([one.p_worse for one in compared])
        found = [
            rows.measurement(
                self.name,
                one.quantity,
                one.condition,
                one.difference,
                p_holm=None if one.difference is None else p_holm,
                note=one.note,
            )
            for one, p_holm in zip(compared, adjusted, strict=True)
        ]
        sides = self._sides(cells)
        found += report.rates(sides, self._successes(cells), self.horizon)
        found += report.with_threshold_of_base(sides, seed=seed)
        return found + report.interface(cells, seed=seed)

    def cases_that_would_decide(self, cells: Sequence[Cell]) -> dict[str, int]:
        """Cases or episodes by id of the measurement, for those where a number would do."""
        found = {}
        for one in self.compare(cells):
            if one.needed is not None:
                told = rows.measurement(
                    self.name, one.quantity, one.condition, one.difference, note=one.note
                )
                found[told.id] = one.needed
        return found

    def compare(self, cells: Sequence[Cell]) -> Iterator[Comparison]:
        """The family of comparisons that decide; what is missing counts as no evidence."""
        yield self._success(cells)
        base, candidate = self._sides(cells)
        missing = _STOPPED if self.is_worse_already(cells) else ""
        family = self._family(cells)
        for name in self.watched_by:
            yield from self._monitor(name, base, candidate, missing, family)
        yield self._drift(base, candidate, missing, family)

    def num_cases_run(self, cells: Sequence[Cell]) -> int:
        """Closed-loop cases that both arms ran."""
        return len(self._successes(cells)[0])

    @cached_property
    def horizon(self) -> int:
        """Model steps that the planner looks ahead, as far as they were measured."""
        return min(self.base.planner.config.horizon, self.base.model_steps_per_episode)

    @cached_property
    def _claimed_base(self) -> Bench:
        return _only_claimed(self.base)

    def is_worse_already(self, cells: Sequence[Cell]) -> bool:
        """Whether the closed loop alone shows a loss, whatever all other comparisons say."""
        found = 2 * sequential.p_worse(_differences(self._successes(cells)))
        if found > _ALPHA:
            return False
        return found * self._family(cells) <= _ALPHA

    def _family(self, cells: Sequence[Cell]) -> int:
        """How many comparisons decide: success, detections, false alarms, drift."""
        return 1 + sum(1 for _ in self._relied_on(cells)) + len(self.watched_by) + 1

    def _until_decided(self, bench: Bench) -> list[Cell]:
        """All of the base, and of the candidate the closed loop as far as it is needed."""
        found = [_as_base(cell) for part in _parts(self._claimed_base) for cell in part()]
        found += [_as_base(cell) for cell in planning.clean_cells(self.base)]
        if any(cell.status == "crashed" for cell in found):
            return found
        for cell in migration_rows.batches(bench):
            found.append(cell)
            if cell.status == "crashed" or self._has_decided(found):
                break
        return found

    def _has_decided(self, cells: Sequence[Cell]) -> bool:
        differences = _differences(self._successes(cells))
        bet = sequential.capital(differences, -self.margins.success)
        return bool(bet.max() >= 2 / _ALPHA) or self.is_worse_already(cells)

    def _require_comparable(self, candidate: Bench) -> None:
        ours, theirs = self.base, candidate
        for what, old, new in (
            ("block sizes of", ours.block_size, theirs.block_size),
            ("action widths of", ours.model.action_width, theirs.model.action_width),
            ("worlds for", ours.identity["world"], theirs.identity["world"]),
            ("planners for", ours.identity["planner"], theirs.identity["planner"]),
            ("cases for", ours.cases.digest, theirs.cases.digest),
            ("episodes for", ours.scoring.digest, theirs.scoring.digest),
            ("calibration for", ours.calibration.digest, theirs.calibration.digest),
            ("seeds for", ours.seed, theirs.seed),
        ):
            if old != new:
                raise EnvelopeError(
                    f"{what} base and candidate differ: {str(old)[:12]} and {str(new)[:12]}",
                    next_step="compare a candidate with the base that it was made from",
                )

    def _successes(self, cells: Sequence[Cell]) -> report.Pairs:
        """Outcomes (candidate, base) of the cases that both ran, in order, (N,) each."""
        mine = [c for c in rows.select(cells, self.name) if "first_case" in c.condition]
        clean = planning.clean_model_cells(_of_base(cells))
        nothing = np.empty(0)
        if rows.trouble(clean) or rows.trouble(mine):
            return nothing, nothing
        by_stream = {float(cell.condition["stream"]): rows.outcomes(cell) for cell in clean}
        candidate = np.concatenate([rows.outcomes(cell) for cell in mine])
        case, stream = (
            np.concatenate([rows.numbers(cell, column) for cell in mine])
            for column in ("case", "stream")
        )
        base = [by_stream[s][int(c)] for c, s in zip(case, stream, strict=True)]
        return candidate, np.array(base, dtype=bool)

    def _success(self, cells: Sequence[Cell]) -> Comparison:
        candidate, base = self._successes(cells)
        if not len(candidate):
            clean = planning.clean_model_cells(_of_base(cells))
            mine = [c for c in rows.select(cells, self.name) if "first_case" in c.condition]
            why = rows.trouble(clean) or rows.trouble(mine)
            return not_measured("success_difference", {}, why)
        return watched_outcomes(
            "success_difference",
            {},
            candidate,
            base,
            margin=self.margins.success,
            planned=len(self.base.cases),
            family=self._family(cells),
        )

    def _sides(self, cells: Sequence[Cell]) -> tuple[report.Side, report.Side]:
        """Base and candidate: cells and thresholds of their own."""
        rate = self.base.criteria.false_alarms_per_episode
        candidate = [cell for cell in cells if cell.arm != BASE]
        return report.side(BASE, _of_base(cells), rate), report.side("candidate", candidate, rate)

    def _relied_on(self, cells: Sequence[Cell]) -> Iterator[tuple[str, Cell]]:
        """Monitor and clips of every class that the base is not blind to."""
        base, _ = self._sides(cells)
        for name in self.watched_by:
            threshold = base.thresholds.get(name)
            for cell in base.clips:
                if threshold is None or voe.trouble(cell):
                    continue
                rate, _ = rows.share(voe.detected(cell, name, threshold))
                if rate is not None and rate.high >= self.base.criteria.detection_rate:
                    yield name, cell

    def _monitor(
        self, name: str, base: report.Side, candidate: report.Side, missing: str, family: int
    ) -> Iterator[Comparison]:
        for monitor, cell in self._relied_on([_as_base(cell) for cell in base.cells]):
            if monitor == name:
                yield self._detection(name, cell, base, candidate, missing, family)
        condition: dict[str, Scalar] = {"monitor": name}
        why = missing or base.trouble_with(name) or candidate.trouble_with(name)
        if why:
            yield not_measured("false_alarms_difference", condition, why)
            return
        yield outcomes(
            "false_alarms_difference",
            condition,
            candidate.false_alarms(name),
            base.false_alarms(name),
            margin=self.margins.false_alarms,
            higher_is_worse=True,
            family=family,
        )

    def _detection(
        self,
        name: str,
        cell: Cell,
        base: report.Side,
        candidate: report.Side,
        missing: str,
        family: int,
    ) -> Comparison:
        violation = str(cell.condition["violation"])
        condition: dict[str, Scalar] = {
            "monitor": name,
            "violation": violation,
            "magnitude": cell.condition["magnitude"],
        }
        twin = candidate.clips_of(violation)
        why = missing or candidate.trouble_with(name)
        why = why or (voe.trouble(twin) if twin else "not run")
        if why or twin is None:
            return not_measured("detection_difference", condition, why)
        both, mine, old = np.intersect1d(voe.counted(twin), voe.counted(cell), return_indices=True)
        if len(both) < 2:
            why = f"{len(both)} clips count in both arms"
            return not_measured("detection_difference", condition, why)
        return outcomes(
            "detection_difference",
            condition,
            voe.detected(twin, name, candidate.thresholds[name])[mine],
            voe.detected(cell, name, base.thresholds[name])[old],
            margin=self.margins.detection,
            family=family,
        )

    def _drift(
        self, base: report.Side, candidate: report.Side, missing: str, family: int
    ) -> Comparison:
        condition: dict[str, Scalar] = {"horizon": self.horizon}
        why = missing or rows.trouble(base.drift) or rows.trouble(candidate.drift)
        if why:
            return not_measured("drift_ratio_difference", condition, why)
        return ratios(
            "drift_ratio_difference",
            condition,
            candidate.drift_parts(self.horizon),
            base.drift_parts(self.horizon),
            margin=self.margins.drift_ratio,
            family=family,
        )


def _parts(bench: Bench) -> list[Part]:
    """What is measured of both arms in open loop."""
    from perturbations.voe import ViolationOfExpectation

    return [
        lambda: [monitors.calibration_cell(bench)],
        partial(ViolationOfExpectation().run, bench),
        lambda: [drift_cell(bench)],
    ]


def _only_claimed(bench: Bench) -> Bench:
    """The same with violations at the magnitudes alone that claims are about."""
    violations = {
        name: one.model_copy(update={"magnitudes": [one.claim_at]})
        for name, one in bench.criteria.violations.items()
    }
    return replace(bench, criteria=bench.criteria.model_copy(update={"violations": violations}))


def _as_base(cell: Cell) -> Cell:
    return cell.model_copy(update={"arm": BASE})


def _of_base(cells: Sequence[Cell]) -> list[Cell]:
    """Cells of the base, under the arm that the suites give them."""
    return [cell.model_copy(update={"arm": "model"}) for cell in cells if cell.arm == BASE]


def _differences(pairs: report.Pairs) -> NDArray[np.float64]:
    candidate, base = pairs
    return np.asarray(candidate, dtype=np.float64) - np.asarray(base, dtype=np.float64)
