"""What is odd about a candidate, besides anything that was measured."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from envelope.gate import Remark
from lewm.adapter import AuditableModel


def remarks_on(
    candidate: AuditableModel, base: AuditableModel, *, is_same: bool = False
) -> list[Remark]:
    """Whatever a reader of the decision should know; none of it decides.

    Args:
        candidate: as loaded.
        base: likewise.
        is_same: whether tensors and configuration are equal, so that no tuning has to be told.
    """
    about_both = [*_planner(candidate, base), *_action_scale(candidate, base)]
    return about_both if is_same else [*about_both, *_tuning(candidate, base)]


def _planner(candidate: AuditableModel, base: AuditableModel) -> Iterator[Remark]:
    theirs, ours = candidate.plan_config, base.plan_config
    other = [
        f"{field.name} {getattr(theirs, field.name)}, the base's {getattr(ours, field.name)}"
        for field in fields(ours)
        if getattr(theirs, field.name) != getattr(ours, field.name)
    ]
    if other:
        yield Remark(
            code="other_planner",
            message=f"its checkpoint declares another planner than its base's: {'; '.join(other)}. "
            "It was not judged under that one",
        )


def _action_scale(candidate: AuditableModel, base: AuditableModel) -> Iterator[Remark]:
    theirs, ours = candidate.action_stats, base.action_stats
    if (tuple(theirs.mean), tuple(theirs.std)) != (tuple(ours.mean), tuple(ours.std)):
        yield Remark(
            code="other_action_scale",
            message=f"it scales actions by mean {_listed(theirs.mean)} and std "
            f"{_listed(theirs.std)}, its base by {_listed(ours.mean)} and {_listed(ours.std)}; "
            "whatever scales actions for it has to change with it",
        )


def _tuning(candidate: AuditableModel, base: AuditableModel) -> Iterator[Remark]:
    before, after = list(base.tuning), list(candidate.tuning)
    added = after[len(before) :]
    if after[: len(before)] != before or not added:
        yield Remark(
            code="no_tuning_step",
            message="its checkpoint does not say by which tuning step it came from its base",
        )
        return
    origin = _origin(added[0])
    if origin != base.files[0].sha256:
        yield Remark(
            code="other_origin",
            message=f"its tuning step says that it was made from {origin[:12]!a}, the base is "
            f"{base.files[0].sha256[:12]}",
        )


def _origin(step: dict[str, Any]) -> str:
    found = step.get("from", "")
    return found if isinstance(found, str) else ""


def _listed(values: Any) -> str:
    return "(" + ", ".join(f"{float(one):.4g}" for one in values) + ")"
