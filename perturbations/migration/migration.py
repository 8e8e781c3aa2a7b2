"""Migration: a candidate against the base it was made from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from envelope.errors import EnvelopeError
from envelope.records import CalibratedMonitor, Cell, Margins, Measurement
from perturbations.bench import Bench
from perturbations.cells import rows
from perturbations.cells.runner import each
from perturbations.migration import batches, report
from perturbations.migration.family import ALPHA, BASE, Asked, Evidence, as_base
from perturbations.monitors.kinds import MONITORS
from perturbations.recorded import why_not
from perturbations.statistics import sequential, stats
from perturbations.suites import planning
from perturbations.suites.horizon_drift import drift_cell
from perturbations.suites.suite import Suite
from perturbations.thresholds import calibration

__all__ = ["BASE", "MARGINS", "Migration"]
MARGINS = Margins(success=0.05, detection=0.1, false_alarms=0.05, usable_horizon=0.05)
Part = Callable[[Bench], list[Cell]]


@dataclass(frozen=True)
class Migration(Suite):
    """Is the candidate at least as good as the base it was made from, where it matters?

    Why it matters: fine-tuning moves the latent space under a planner, thresholds and a horizon
    that were measured with the old one. Probes and prediction errors can improve while planning
    and monitoring get worse, so neither is evidence here.

    Observes: candidate less base on the same cases, planner streams, episodes and clips:
    `success_difference` in closed loop; `detection_difference` of every violation class that is no
    blind spot of the base, and `false_alarms_difference`, each with thresholds of its own;
    `usable_horizon_difference`, the share of the planner's horizon up to which the error of a
    rollout stays within the criteria's `max_drift_ratio`. Reported beside these, and deciding
    nothing: both arms' rates, `drift_ratio`, `threshold_ratio` and what the base's threshold would
    do on the candidate, `latent_displacement` over the same states in units of a lawful block's
    motion, `probe_r2`.

    Blind to: nuisances, search other than the base's planner's, and whatever the base was not
    measured for either; a defect that both share is no difference.
    """

    name = batches.SUITE
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
        unknown = sorted(set(self.watched_by) - set(MONITORS))
        if unknown or not self.watched_by:
            raise EnvelopeError(
                f"no monitor is called {', '.join(unknown) or 'nothing'}; there are "
                f"{', '.join(MONITORS)}",
                next_step="name the monitors that the deployment relies on",
            )

    def run(self, bench: Bench) -> list[Cell]:
        """Cells of both arms, the cheapest first, until it is decided; `bench` is the candidate's.

        Looks: after every batch of the closed loop, which is held to that by bets that are valid at
        any stop; then after drift, and after all of the monitors. A loss that is shown by the error
        rate of the whole family ends the run.

        Raises:
            EnvelopeError: the two cannot be compared.
        """
        self._require_comparable(bench)
        found = self.closed_loop(bench)
        candidate = _only_claimed(bench)
        for part in (_drift, _watched):
            if self.is_settled(found):
                break
            found += self._both(part, candidate)
        if not _has_crashed(found):
            found.append(batches.interface_cell(self._claimed_base, candidate))
        return found

    def closed_loop(self, bench: Bench, *, looks: int | None = None) -> list[Cell]:
        """Both arms on the same cases and streams, batch by batch, as far as success needs them.

        Args:
            bench: the candidate's.
            looks: largest number of batches; all unless given.
        """
        kept = planning.kept_clean_cells(self.base)
        found = [as_base(cell) for cell in kept]
        for first in batches.first_cases(bench)[:looks]:
            pair = [partial(batches.batch_cell, bench, first)]
            if not kept:
                pair.insert(0, partial(self._base_batch, first))
            found += each(pair)
            if _has_crashed(found) or self._success_is_settled(found):
                break
        return found

    def is_settled(self, cells: Sequence[Cell]) -> bool:
        """Whether nothing that is still to run could change the decision, or a cell crashed."""
        return _has_crashed(cells) or self.evidence(cells).shows_a_loss()

    def summarise(
        self, cells: Sequence[Cell], monitors: Sequence[CalibratedMonitor] = (), *, seed: int
    ) -> list[Measurement]:
        """See the class docstring; thresholds of both arms are set from their own rows."""
        evidence = self.evidence(cells)
        adjusted = stats.holm([one.p_worse for one in evidence.comparisons])
        found = [
            rows.measurement(
                self.name,
                one.quantity,
                one.condition,
                one.difference,
                p_holm=None if one.difference is None else p_holm,
                note=one.note,
            )
            for one, p_holm in zip(evidence.comparisons, adjusted, strict=True)
        ]
        found += report.rates(evidence.sides, evidence.successes, self.horizon)
        found += report.with_threshold_of_base(evidence.sides, seed=seed)
        return found + report.interface(cells, seed=seed)

    def cases_that_would_decide(self, cells: Sequence[Cell]) -> dict[str, int]:
        """Cases or episodes by id of the measurement, for those where a number would do."""
        found = {}
        for one in self.evidence(cells).comparisons:
            if one.needed is not None:
                told = rows.measurement(
                    self.name, one.quantity, one.condition, one.difference, note=one.note
                )
                found[told.id] = one.needed
        return found

    def evidence(self, cells: Sequence[Cell]) -> Evidence:
        """What these cells say of the candidate."""
        return Evidence(self._asked, cells)

    def num_cases_run(self, cells: Sequence[Cell]) -> int:
        """Closed-loop cases that both arms ran."""
        return len(self.evidence(cells).successes[0])

    @cached_property
    def horizon(self) -> int:
        """Model steps that the planner looks ahead, as far as they were measured."""
        return min(self.base.planner.config.horizon, self.base.model_steps_per_episode)

    @cached_property
    def _claimed_base(self) -> Bench:
        return _only_claimed(self.base)

    @cached_property
    def _asked(self) -> Asked:
        from perturbations.violations.classes import find

        criteria = self.base.criteria
        return Asked(
            margins=self.margins,
            watched_by=self.watched_by,
            violations={
                name: one.claim_at
                for name, one in criteria.violations.items()
                if not why_not(self._claimed_base, find(name))
            },
            detection_rate=criteria.detection_rate,
            false_alarms_per_episode=criteria.false_alarms_per_episode,
            horizon=self.horizon,
            max_drift_ratio=criteria.max_drift_ratio,
            num_cases=len(self.base.cases),
        )

    def _base_batch(self, first: int) -> Cell:
        return as_base(batches.batch_cell(self.base, first))

    def _both(self, part: Part, candidate: Bench) -> list[Cell]:
        """A part of both arms; neither waits for the other."""
        base, other = each([partial(part, self._claimed_base), partial(part, candidate)])
        return [*(as_base(cell) for cell in base), *other]

    def _success_is_settled(self, cells: Sequence[Cell]) -> bool:
        """Whether the closed loop can end: no loss beyond the margin is shown, or one is."""
        evidence = self.evidence(cells)
        candidate, base = evidence.successes
        bet = sequential.capital(candidate.astype(float) - base, -self.margins.success)
        return bool(bet.max(initial=0.0) >= 2 / ALPHA) or evidence.shows_a_loss()

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


def _drift(bench: Bench) -> list[Cell]:
    return [drift_cell(bench)]


def _watched(bench: Bench) -> list[Cell]:
    """Calibration, then lawful episodes and clips; waits where another process calibrates."""
    from perturbations.suites.voe import ViolationOfExpectation

    scored = calibration.calibration_cell(bench)
    if rows.trouble([scored]):
        return [scored]
    return [scored, *ViolationOfExpectation().run(bench)]


def _has_crashed(cells: Sequence[Cell]) -> bool:
    return any(cell.status == "crashed" for cell in cells)


def _only_claimed(bench: Bench) -> Bench:
    """The same with violations at the magnitudes alone that claims are about."""
    violations = {
        name: one.model_copy(update={"magnitudes": [one.claim_at]})
        for name, one in bench.criteria.violations.items()
    }
    return replace(bench, criteria=bench.criteria.model_copy(update={"violations": violations}))
