"""Rows decide: every summary and every claim must follow from them."""

from envelope.cli.basis import require_same_basis
from envelope.draft import draft
from envelope.errors import BadFile, DigestMismatch
from envelope.records import Envelope, Measurements


def require_same_summaries(measurements: Measurements) -> None:
    """Hold the rows to the plan, and recompute thresholds and summaries from them.

    Raises:
        DigestMismatch: one was edited, or comes from another version of the suites; or the cells
            are not those of the plan, each with all of its rows.
        BadFile: a column or a condition holds something that no suite writes.
    """
    try:
        _require_same_summaries(measurements)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise BadFile(
            f"the rows cannot be read: {' '.join(str(error).split())}",
            next_step="measure again, or restore the file as it was written",
        ) from None


def _require_same_summaries(measurements: Measurements) -> None:
    from perturbations import audit
    from perturbations.profiles import find_profile
    from perturbations.whole.contradiction import contradiction

    plan = measurements.plan
    require_same_basis(measurements)
    if problem := contradiction(measurements.cells, plan, find_profile(plan.profile)):
        raise DigestMismatch(
            f"the cells do not follow from the plan: {problem}",
            next_step="run `envelope measure` again; what is left after a choice is not evidence",
        )
    thresholds, _ = audit.monitors_from(measurements.cells, measurements.plan.criteria)
    if thresholds != measurements.monitors:
        raise DigestMismatch(
            "the thresholds of the monitors do not follow from the calibration rows",
            next_step="run `envelope measure` again; an edited threshold is not evidence",
        )
    found = audit.summarise(measurements.cells, measurements.monitors, measurements.plan)
    stored = {summary.id: summary for summary in measurements.summaries}
    again = {summary.id: summary for summary in found}
    for name in sorted(stored.keys() | again.keys()):
        if stored.get(name) != again.get(name):
            raise DigestMismatch(
                f"{name} does not follow from the rows: stored {_shown(stored.get(name))}, "
                f"recomputed {_shown(again.get(name))}",
                next_step="run `envelope measure` again; an edited summary is not evidence",
            )


def require_same_record(measurements: Measurements, envelope: Envelope) -> None:
    """Recompute summaries, claims and all the rest of the record from the rows.

    Raises:
        DigestMismatch: something in the record does not follow from them.
    """
    require_same_summaries(measurements)
    require_drafted(measurements, envelope)


def require_drafted(measurements: Measurements, envelope: Envelope) -> None:
    """Draft again from the summaries as they stand; who has to trust them recomputes them too.

    Raises:
        DigestMismatch: something in the record does not follow from the measurements.
        BadFile: the measurements contradict themselves.
    """
    again = draft(measurements, envelope.criteria, assurance=envelope.assurance)
    for field in type(envelope).model_fields:
        if getattr(again, field) != getattr(envelope, field):
            raise DigestMismatch(
                f"`{field}` of the record does not follow from the measurements beside it",
                next_step="run `envelope draft` and `envelope sign` again",
            )


def _shown(summary: object) -> str:
    estimate = getattr(summary, "estimate", None)
    if estimate is None:
        return "nothing"
    return f"{estimate.value:.4g} [{estimate.low:.4g}, {estimate.high:.4g}]"
