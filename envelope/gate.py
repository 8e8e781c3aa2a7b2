"""May this candidate take its base's place? Measurements of both in, one decision out.

Accept only where non-inferiority was shown for success, every violation class that the base
detects, false alarms and drift; revert where the candidate was shown to be worse in any; undecided
otherwise. Probes, latent errors and how far the latents moved are reported and decide nothing.
"""

import hashlib
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from envelope.records import (
    Criteria,
    Estimate,
    Margins,
    Measurement,
    ModelState,
    PlannerScope,
    Record,
    Scalar,
    Sha256,
    Tool,
)
from envelope.strict import canonical

Kind = Literal["success", "detection", "false_alarms", "usable_horizon"]
Status = Literal["non_inferior", "inferior", "undecided", "not_measured"]
Decision = Literal["accept", "revert", "undecided"]
Code = Literal["non_inferior", "same_model", "inferior", "undecided", "not_measured"]
"""Why a candidate was decided on as it was. Codes are stable: programs read them."""
SIGNIFICANCE = 0.05
"""Family-wise, after Holm."""
_KINDS: Mapping[str, Kind] = {
    "success_difference": "success",
    "detection_difference": "detection",
    "false_alarms_difference": "false_alarms",
    "usable_horizon_difference": "usable_horizon",
}
_HIGHER_IS_WORSE = ("false_alarms",)
_NAMED_BY = ("monitor", "violation", "horizon")


class Compared(Record):
    """One comparison that decides: candidate less base."""

    kind: Kind
    subject: str
    """Such as `detection.surprise.teleport`."""
    status: Status
    difference: Estimate | None
    margin: float
    """Largest harmless difference."""
    p_holm: float | None
    """Of "not worse", adjusted over all comparisons."""
    needed: int | None
    """Cases or episodes that would decide; None where decided, or where no number would."""
    evidence: str
    """Id of the measurement."""
    note: str


class Remark(Record):
    """Something odd about a candidate, or its base. It decides nothing."""

    code: Literal[
        "other_planner", "other_action_scale", "no_tuning_step", "other_origin", "weak_base"
    ]
    message: str


class GateReason(Record):
    """One reason for the decision."""

    code: Code
    subject: str
    message: str


class Gate(Record):
    """What was decided, and everything it rests on."""

    format: Literal["gate/0.1"]
    decision: Decision
    exit_status: Literal[0, 1]
    """0 exactly when accepted; 2 and 3 are errors and never become a decision."""
    reasons: list[GateReason] = Field(min_length=1)
    compared: list[Compared]
    reported: list[Measurement]
    """What was measured besides and decides nothing."""
    base: ModelState
    candidate: ModelState
    margins: Margins
    criteria: Criteria
    planner_scope: PlannerScope
    """The base's; both models plan with it."""
    world: str
    profile: Literal["brief", "quick", "standard", "deep"]
    seed: int
    is_fresh: bool = Field(default=False, exclude_if=lambda is_fresh: not is_fresh)
    """Whether the cases follow from both models, so that none could be made for them, and nothing
    was believed that this run did not measure."""
    num_cases: int
    """Closed-loop cases that were planned."""
    num_cases_run: int
    """Those that the candidate ran before it was decided."""
    cells: list[Sha256]
    """Ids of the cells behind every comparison, base and candidate."""
    remarks: list[Remark] = Field(default=[], exclude_if=lambda remarks: not remarks)
    """What is odd about the candidate or its base."""
    tool: Tool
    measured_at: str

    @model_validator(mode="after")
    def _status_follows_from_decision(self) -> Self:
        if (self.exit_status == 0) != (self.decision == "accept"):
            raise ValueError("exit_status must be 0 exactly when the candidate is accepted")
        return self

    @model_validator(mode="after")
    def _decision_follows_from_comparisons(self) -> Self:
        """Hold status and decision to the intervals, so that neither can be edited alone."""
        for one in self.compared:
            margin = getattr(self.margins, one.kind)
            follows = _status(one.kind, one.difference, one.p_holm, margin)
            if (one.status, one.margin) != (follows, margin):
                raise ValueError(
                    f"{one.subject} is called {one.status} at {one.margin:g}, its interval says "
                    f"{follows} at {margin:g}"
                )
        follows_from = SAME if self._is_same_model() else decide(self.compared)
        if (self.decision, self.reasons) != follows_from:
            raise ValueError(
                f"the decision is {self.decision}, the comparisons say {follows_from[0]}, or for "
                "other reasons"
            )
        return self

    @model_validator(mode="after")
    def _fresh_cases_follow_from_models(self) -> Self:
        if self.is_fresh and self.seed != fresh_seed(self.base, self.candidate):
            raise ValueError(f"the seed {self.seed} does not follow from the two models")
        return self

    def _is_same_model(self) -> bool:
        ours, theirs = self.base, self.candidate
        return not self.compared and (
            (ours.tensor_digest, ours.config_digest) == (theirs.tensor_digest, theirs.config_digest)
        )

    def headline(self) -> list[str]:
        """The decision, and a line for every reason."""
        return list(_headline(self))

    def as_text(self) -> str:
        """For people: the decision first, then each comparison."""
        return "\n".join(_lines(self))

    def as_json(self) -> str:
        """For programs: the whole object."""
        return self.model_dump_json(indent=1)


def fresh_seed(base: ModelState, candidate: ModelState) -> int:
    """A seed in [0, 2**31) that nobody knows before both models are made, and anybody after."""
    models = [[one.tensor_digest, one.config_digest] for one in (base, candidate)]
    return int.from_bytes(hashlib.sha256(canonical(models)).digest()[:4]) >> 1


def compare(
    measurements: Iterable[Measurement], margins: Margins, needed: Mapping[str, int]
) -> list[Compared]:
    """The comparisons that decide, each judged by the end of its interval.

    Args:
        measurements: of the migration suite; those that are no comparisons are passed over.
        margins: largest harmless differences.
        needed: cases that would decide, by measurement id.
    """
    found = []
    for one in measurements:
        kind = _KINDS.get(one.quantity)
        if kind is None:
            continue
        margin = getattr(margins, kind)
        status = _status(kind, one.estimate, one.p_holm, margin)
        found.append(
            Compared(
                kind=kind,
                subject=_subject(kind, one.condition),
                status=status,
                difference=one.estimate,
                margin=margin,
                p_holm=one.p_holm,
                needed=needed.get(one.id) if status == "undecided" else None,
                evidence=one.id,
                note=one.note,
            )
        )
    return found


def reported(measurements: Iterable[Measurement]) -> list[Measurement]:
    """What decides nothing."""
    return [one for one in measurements if one.quantity not in _KINDS]


def decide(compared: Sequence[Compared]) -> tuple[Decision, list[GateReason]]:
    """Accept, revert or undecided, with every reason.

    Without a comparison of each kind nothing is accepted.
    """
    worse = [one for one in compared if one.status == "inferior"]
    if worse:
        return "revert", [_reason("inferior", one) for one in worse]
    open_ = [one for one in compared if one.status in ("undecided", "not_measured")]
    reasons = [
        _reason("undecided" if one.status == "undecided" else "not_measured", one) for one in open_
    ]
    absent = [kind for kind in _KINDS.values() if kind not in {one.kind for one in compared}]
    reasons += [
        GateReason(code="not_measured", subject=kind, message="nothing was compared")
        for kind in absent
    ]
    if reasons:
        return "undecided", reasons
    return "accept", [
        GateReason(
            code="non_inferior",
            subject="all",
            message=f"no worse than its base in {len(compared)} comparisons, each by its margin",
        )
    ]


def remarks_on_base(measurements: Iterable[Measurement], criteria: Criteria) -> list[Remark]:
    """Whether the base itself misses what the criteria ask for: then no worse says little."""
    asked = criteria.success_at_least
    return [
        Remark(
            code="weak_base",
            message=f"the base itself solves {found.value:.3f} [{found.low:.3f}, {found.high:.3f}] "
            f"of the cases, and the criteria ask for {asked:g}: no worse than that says little",
        )
        for one in measurements
        if one.quantity == "success" and one.condition.get("arm") == "base"
        if (found := one.estimate) is not None and found.high < asked
    ]


SAME: tuple[Decision, list[GateReason]] = (
    "accept",
    [
        GateReason(
            code="same_model",
            subject="all",
            message="tensors and configuration are the base's own, so every difference is 0",
        )
    ],
)
"""What is decided of a candidate that is its base; nothing needs to be measured for it."""


def _status(kind: Kind, found: Estimate | None, p_holm: float | None, margin: float) -> Status:
    """Non-inferiority comes first: a loss that is shown and smaller than the margin is harmless."""
    if found is None:
        return "not_measured"
    harm = found.high if kind in _HIGHER_IS_WORSE else -found.low
    if harm < margin:
        return "non_inferior"
    is_worse = found.value > 0 if kind in _HIGHER_IS_WORSE else found.value < 0
    if is_worse and p_holm is not None and p_holm <= SIGNIFICANCE:
        return "inferior"
    return "undecided"


def _subject(kind: Kind, condition: Mapping[str, Scalar]) -> str:
    return ".".join([kind, *(str(condition[name]) for name in _NAMED_BY if name in condition)])


def _reason(code: Code, one: Compared) -> GateReason:
    if one.difference is None:
        return GateReason(code=code, subject=one.subject, message=one.note)
    told = f"{_shown(one.difference)}, margin {one.margin:g}"
    if one.p_holm is not None and code == "inferior":
        told += f", p {one.p_holm:.2g} after Holm"
    if one.needed is not None:
        told += f"; {one.needed} {_unit(one.kind)} would decide at this rate"
    return GateReason(code=code, subject=one.subject, message=told)


def _unit(kind: Kind) -> str:
    return {"success": "cases", "detection": "clips"}.get(kind, "episodes")


def _shown(difference: Estimate) -> str:
    return f"{difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"


def _headline(gate: Gate) -> Iterable[str]:
    names = [state.files[0].path if state.files else "?" for state in (gate.candidate, gate.base)]
    yield f"{gate.decision.upper()}  {names[0]} in the place of {names[1]}"
    for reason in gate.reasons:
        yield f"  {reason.code}: {reason.subject}: {reason.message}"
    for remark in gate.remarks:
        yield f"  remark: {remark.code}: {remark.message}"


def _lines(gate: Gate) -> Iterable[str]:
    yield from _headline(gate)
    if not gate.compared:
        return
    yield f"candidate less base, {gate.num_cases_run} of {gate.num_cases} closed-loop cases run:"
    marks = {"non_inferior": "✓", "inferior": "✗", "undecided": "?"}
    missing: dict[str, list[str]] = {}
    for one in gate.compared:
        if one.difference is None:
            missing.setdefault(one.note, []).append(one.subject)
        else:
            yield f"{marks[one.status]} {one.subject:38s} {_shown(one.difference)}"
    for why, subjects in missing.items():
        yield from textwrap.wrap(
            f"? {why}: {', '.join(subjects)}",
            width=100,
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    yield "reported, deciding nothing:"
    for found in gate.reported:
        if found.quantity in _TOLD and found.estimate is not None:
            about = " ".join(str(found.condition[key]) for key in sorted(found.condition))
            value = f"{found.estimate.value:.3f} [{found.estimate.low:.3f}, "
            yield f"  {found.quantity} {about}: {value}{found.estimate.high:.3f}]"


_TOLD = ("success", "drift_ratio", "threshold_ratio", "latent_displacement", "probe_r2")
"""Reported quantities that the text has room for; the record has them all."""
