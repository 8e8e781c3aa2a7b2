"""What a reader might assume was measured, and was not."""

from collections.abc import Iterable

from envelope.claims.nuisance_joint import JOINT
from envelope.claims.recorded import NEEDS_SIMULATOR, SETTLE
from envelope.records import Claim, Criteria, Family, Measurements, NotMeasured

_FAMILIES: dict[Family, str] = {
    "F1": "low intrinsic dimension: what the latents hold",
    "F2": "visual shift: what a nuisance does to planning and to the alarm",
    "F3": "collapse: whether the encoder maps everything to little",
    "F4": "planner exploitation: whether more search finds the model's errors",
    "F5": "monitor blind spots: which violations raise no alarm",
    "F6": "fine-tuning: whether a change of weights keeps planning and monitoring",
    "F7": "rollout drift: how errors compound with the horizon",
}


def not_measured(
    measurements: Measurements, criteria: Criteria, claims: list[Claim]
) -> list[NotMeasured]:
    """What the run said about itself, then what no suite, no cell and no box of ranges covers."""
    listed: dict[str, NotMeasured] = {}
    for one in _all(measurements, criteria, claims):
        listed.setdefault(one.what, one)
    return list(listed.values())


def _all(
    measurements: Measurements, criteria: Criteria, claims: list[Claim]
) -> Iterable[NotMeasured]:
    yield from measurements.not_measured
    said = {one.what for one in measurements.not_measured}
    for claim in claims:
        if f"success under {claim.id.removeprefix('nuisance.')}" in said or claim.id == JOINT:
            continue
        if claim.outcome in ("not_measured", "crashed"):
            planned = set(claim.suites) <= set(measurements.plan.suites)
            needs_world = claim.reason == NEEDS_SIMULATOR
            yield NotMeasured(
                what=claim.id,
                reason=claim.reason,
                settle=SETTLE if needs_world else _settle(claim, is_planned=planned),
            )
    if not measurements.monitors:
        yield NotMeasured(
            what="monitors", reason="no monitor was calibrated", settle="include voe in the run"
        )
    yield from _several_at_once(criteria, claims)
    covered = {suite.family for suite in measurements.suites}
    for family, what in _FAMILIES.items():
        if family not in covered:
            yield NotMeasured(
                what=f"{family}, {what}",
                reason="no suite of the run is about it",
                settle=f"a run with a suite of {family}",
            )
    if criteria != measurements.plan.criteria:
        changed = [
            name
            for name in Criteria.model_fields
            if getattr(criteria, name) != getattr(measurements.plan.criteria, name)
        ]
        yield NotMeasured(
            what="these criteria, fixed before the run",
            reason=f"changed since the plan was written: {', '.join(changed)}",
            settle="measure with these criteria from the start",
        )


def _several_at_once(criteria: Criteria, claims: list[Claim]) -> Iterable[NotMeasured]:
    """Unless a joint cell ran, whatever came of it."""
    for claim in claims:
        missing = claim.id == JOINT and claim.outcome in ("not_measured", "crashed")
        if missing and len(criteria.nuisances) > 1:
            yield NotMeasured(
                what="several nuisances at once",
                reason=f"each class was measured with all others at nominal; {claim.reason}",
                settle="a joint cell with all nuisances drawn together inside their admitted "
                "ranges",
            )


def _settle(claim: Claim, *, is_planned: bool) -> str:
    suites = ", ".join(claim.suites)
    if not is_planned:
        return f"a run that includes {suites}"
    if claim.outcome == "crashed":
        return f"{suites} again, once the crash is mended"
    if claim.id.startswith("worst_case."):
        return "a search of the worst case, which the standard profile has"
    if claim.family == "F2":
        return f"a closed-loop cell under {claim.id.removeprefix('nuisance.')}"
    return f"a run of {suites} that reaches it"
