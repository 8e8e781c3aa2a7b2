"""Is this deployment inside that envelope? Field by field: inside, outside, unmeasured, undeclared.

Scope is ranges, and restrictive: only what was measured is inside. One axis may leave its nominal
point at a time, unless joint cells were measured; then several nuisances may, inside their box.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from envelope.deploy import Deployment, are_nominal, declared_range
from envelope.fields import (
    ANY_BATCH,
    BY_PLANNER,
    CONVENTIONS,
    INPUT,
    MODEL,
    OF_RECORDED,
    PLANNER,
    Field,
    Meanwhile,
    monitor_fields,
    nuisance_field,
    value_at,
)
from envelope.records import Envelope, NuisanceScope, Range

Status = Literal["inside", "outside", "unmeasured", "undeclared"]

CHECKPOINT = "model_state.checkpoint"
ON_LAPSE = "revalidation_triggers.on_lapse"
_MAY_BE_LEFT_OUT = ("input_scope.factors", "planner_scope.options")
"""Fields that are declared only where the record has something in them."""
_NUISANCES = "input_scope.nuisance"
_STRICTNESS: dict[Meanwhile, int] = {"tighten_monitor": 0, "restrict": 1, "stop": 2}


@dataclass(frozen=True)
class FieldResult:
    """One field of the deployment beside what the record admits."""

    field: str
    status: Status
    declared: Any = None
    admitted: Any = None
    """A value, or a list of the two ends of a range."""
    unit: str = ""
    line: int | None = None
    axis: Literal["", "nuisance", "planner"] = ""
    """Set where the field is admitted off its nominal point."""
    is_growing: bool = False
    """Whether a number was declared above what is admitted, or above nominal inside of that."""
    is_second_axis: bool = False
    """Whether it is unmeasured only because another axis is off nominal too."""
    together: list[float] | None = None
    """The two ends up to which it was measured with the others, where it goes beyond them."""
    is_several: bool = False
    """Whether it is one of several nuisances that are off nominal inside their box."""
    is_beyond_box: bool = False
    """Whether it is inside its own range, beyond the box in which several may be."""


def compare_scope(envelope: Envelope, deployment: Deployment) -> list[FieldResult]:
    """Hold every field of a deployment against the record.

    Raises:
        BadFile: an amount is declared in a unit that the record does not have.
    """
    found = [_presence(deployment, path) for path in ("envelope", "relies_on", CHECKPOINT)]
    found += [_fixed(envelope, deployment, field) for field in (*MODEL, *INPUT)]
    found += [
        _fixed(envelope, deployment, field)
        for field in OF_RECORDED
        if value_at(envelope, field.path)
        or value_at(deployment.file, field.path) not in (None, BY_PLANNER)
    ]
    found += _nuisances(envelope, deployment)
    found += [_fixed(envelope, deployment, field) for field in (*PLANNER, *CONVENTIONS)]
    found += _monitors(envelope, deployment)
    found.append(_on_lapse(envelope, deployment))
    return list(_one_axis_at_a_time(found, envelope))


def _presence(deployment: Deployment, path: str) -> FieldResult:
    """A field that is compared elsewhere, and here only has to be there."""
    declared = value_at(deployment.file, path)
    status: Status = "undeclared" if declared is None else "inside"
    return FieldResult(path, status, declared, line=deployment.line(path))


def _fixed(envelope: Envelope, deployment: Deployment, field: Field) -> FieldResult:
    recorded = value_at(envelope, field.path)
    declared = value_at(deployment.file, field.path)
    result = FieldResult(field.path, "inside", declared, recorded, line=deployment.line(field.path))
    if field.path in _MAY_BE_LEFT_OUT and declared is None and not recorded:
        return result
    if declared is None:
        return replace(result, status="undeclared")
    if field.path.endswith(".solver_batch") and recorded == ANY_BATCH:
        return result
    if field.comparison == "within":
        return _within(envelope, result)
    return result if declared == recorded else replace(result, status="outside")


def _within(envelope: Envelope, result: FieldResult) -> FieldResult:
    nominal = result.admitted
    axis = result.field.removeprefix("planner_scope.")
    admitted = envelope.planner_scope.admitted.get(axis, Range(low=nominal, high=nominal))
    if admitted.low < admitted.high:
        result = replace(result, admitted=[admitted.low, admitted.high])
    if result.declared == nominal:
        return result
    if admitted.low <= result.declared <= admitted.high:
        return replace(result, axis="planner", is_growing=result.declared > nominal)
    high = max(admitted.high, nominal)
    return replace(result, status="outside", is_growing=result.declared > high)


# --- nuisances ----------------------------------------------------------------------------------


def _nuisances(envelope: Envelope, deployment: Deployment) -> Iterable[FieldResult]:
    recorded = envelope.input_scope.nuisance
    given: dict[str, dict[str, float]] | None = value_at(deployment.file, _NUISANCES)
    if given is None:
        yield FieldResult(_NUISANCES, "undeclared")
    for name, scope in recorded.items():
        path = nuisance_field(name).path
        declared = declared_range(deployment, name, scope)
        result = replace(
            _amount(path, declared, scope), unit=scope.unit, line=deployment.line(path)
        )
        yield replace(result, is_beyond_box=_is_beyond_box(result, envelope))
    asked = envelope.criteria.nuisances
    for name in sorted({*asked, *(given or {})} - set(recorded)):
        path = nuisance_field(name).path
        amounts = (given or {}).get(name)
        status: Status = "undeclared" if amounts is None else "unmeasured"
        if amounts is not None and name in asked and are_nominal(amounts):
            status = "inside"
        yield FieldResult(path, status, amounts, line=deployment.line(path))


def _amount(path: str, declared: Range | None, scope: NuisanceScope) -> FieldResult:
    admitted = scope.admitted
    ends = [admitted.low, admitted.high]
    if declared is None:
        return FieldResult(path, "undeclared", None, ends)
    result = FieldResult(path, "inside", [declared.low, declared.high], ends)
    if admitted.low <= declared.low and declared.high <= admitted.high:
        is_nominal = declared.low == declared.high == scope.nominal
        return result if is_nominal else replace(result, axis="nuisance")
    was_run = scope.measured.low < scope.measured.high
    return replace(result, status="outside" if was_run else "unmeasured")


def _one_axis_at_a_time(results: list[FieldResult], envelope: Envelope) -> Iterable[FieldResult]:
    """Keep the first axis off nominal, and call every further one unmeasured.

    Nuisances may be off nominal together where a box of them held, each within its part of it.
    """
    nuisances = [result for result in results if result.axis == "nuisance"]
    is_box = envelope.input_scope.joint and len(nuisances) > 1
    taken = ""
    for result in results:
        if is_box and result.axis == "nuisance":
            taken = "nuisance"
            if result.is_beyond_box:
                yield _beyond_box(result, envelope)
            else:
                yield replace(result, is_several=True)
        elif not result.axis or not taken:
            taken = taken or result.axis
            yield result
        else:
            yield replace(result, status="unmeasured", axis="", is_second_axis=True)


def _beyond_box(result: FieldResult, envelope: Envelope) -> FieldResult:
    """A nuisance that is inside by itself, beside others that are off nominal too."""
    box = _box(result, envelope)
    ends = [box.low, box.high]
    return replace(result, status="unmeasured", axis="", is_second_axis=True, together=ends)


def _is_beyond_box(result: FieldResult, envelope: Envelope) -> bool:
    if result.axis != "nuisance" or not envelope.input_scope.joint:
        return False
    box, (low, high) = _box(result, envelope), result.declared
    return not (box.low <= low and high <= box.high)


def _box(result: FieldResult, envelope: Envelope) -> Range:
    scope = envelope.input_scope.nuisance[result.field.removeprefix(nuisance_field("").path)]
    return scope.admitted.shrunk(scope.nominal, envelope.input_scope.joint_scale)


# --- monitors and triggers ----------------------------------------------------------------------


def _monitors(envelope: Envelope, deployment: Deployment) -> Iterable[FieldResult]:
    if deployment.file.monitors is None:
        yield FieldResult("monitors", "undeclared")
    listed = deployment.file.monitors or []
    places = {monitor.name: place for place, monitor in enumerate(listed)}
    for monitor in envelope.monitors:
        place = places.pop(monitor.name, None)
        is_needed = any(
            claim.startswith(f"monitor.{monitor.name}.")
            for claim in deployment.file.relies_on or []
        )
        if place is None and not is_needed:
            continue
        for field in monitor_fields(monitor.name):
            name = field.path.rpartition(".")[2]
            declared = None if place is None else getattr(listed[place], name)
            recorded = getattr(monitor, name)
            status: Status = "inside" if declared == recorded else "outside"
            yield FieldResult(
                field.path,
                "undeclared" if declared is None else status,
                declared,
                recorded,
                line=deployment.line(f"monitors.{place}.{name}"),
            )
    for name, place in places.items():
        line = deployment.line(f"monitors.{place}")
        yield FieldResult(f"monitors.{name}", "unmeasured", listed[place].threshold, line=line)


def _on_lapse(envelope: Envelope, deployment: Deployment) -> FieldResult:
    declared: Meanwhile | None = value_at(deployment.file, ON_LAPSE)
    actions = [trigger.meanwhile for trigger in envelope.revalidation_triggers] or ["stop"]
    demanded: Meanwhile = max(actions, key=lambda action: _STRICTNESS[action])
    result = FieldResult(ON_LAPSE, "inside", declared, demanded, line=deployment.line(ON_LAPSE))
    if declared is None:
        return replace(result, status="undeclared")
    if _STRICTNESS[declared] < _STRICTNESS[demanded]:
        return replace(result, status="outside")
    return result
