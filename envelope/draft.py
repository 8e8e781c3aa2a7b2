"""Measurements and criteria in, the record out. The same input gives the same record."""

from datetime import timedelta
from typing import Literal

from envelope.claims import make_claims
from envelope.digest import bytes_sha256
from envelope.records import Criteria, Envelope, InputScope, Measurements, Record
from envelope.strict import canonical
from envelope.times import parse_time, time_text
from envelope.triggers import make_triggers


def draft(
    measurements: Measurements,
    criteria: Criteria | None = None,
    *,
    assurance: Literal["self_attested", "third_party", "reproduced"] = "self_attested",
) -> Envelope:
    """Write the record of a run.

    Validity counts from when the run was made and never from when the record was drafted, so
    drafting again extends nothing.

    Args:
        measurements: what the run produced.
        criteria: thresholds to judge by; those of the plan unless given.
        assurance: who measured.

    Raises:
        BadFile: measurements that contradict themselves.
    """
    judged_by = criteria or measurements.plan.criteria
    judged = make_claims(measurements, judged_by)
    recorded = measurements.plan.recorded
    planner = measurements.planner_scope.model_copy(update={"admitted": judged.planner_admitted})
    measured_at = parse_time(measurements.timing.measured_at, "timing.measured_at")
    return Envelope(
        format="envelope/0.1",
        assurance=assurance,
        tool=measurements.tool,
        profile=measurements.plan.profile,
        seed=measurements.plan.seed,
        measured_at=measurements.timing.measured_at,
        valid_until=time_text(measured_at + timedelta(days=judged_by.valid_days)),
        plan_digest=_digest(measurements.plan),
        measurements_digest=measurements_digest(measurements),
        input_scope=InputScope(
            world=measurements.world,
            observation=measurements.observation,
            factors=measurements.factors,
            recorded_episodes=recorded.digest if recorded else None,
            driven_by="recording" if recorded else None,
            nuisance=judged.nuisance,
            joint=judged.joint_scale > 0,
            joint_scale=judged.joint_scale or 1.0,
        ),
        planner_scope=planner,
        model_state=measurements.model_state,
        monitors=judged.monitors,
        revalidation_triggers=make_triggers(
            judged.claims,
            planner,
            judged.nuisance,
            judged.monitors,
            is_recorded=recorded is not None,
        ),
        claims=judged.claims,
        criteria=judged_by,
        not_measured=judged.not_measured,
        suites=measurements.suites,
        timing=measurements.timing,
    )


def measurements_digest(measurements: Measurements) -> str:
    """SHA-256 over the canonical form of everything but wall times and times of day."""
    return bytes_sha256(canonical(measurements.model_dump(mode="json", exclude={"timing"})))


def _digest(record: Record) -> str:
    return bytes_sha256(canonical(record.model_dump(mode="json")))
