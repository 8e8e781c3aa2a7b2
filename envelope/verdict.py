"""One verdict about one deployment: text, JSON and exit status come from this object alone."""

from typing import Literal, Self

from pydantic import JsonValue, model_validator

from envelope.plan import RunAgain
from envelope.records import Outcome, Record
from envelope.records import Verdict as ClaimVerdict
from envelope.scope import Status
from envelope.state import State

Code = Literal[
    "field_outside",
    "field_unmeasured",
    "field_undeclared",
    "second_axis_unmeasured",
    "relies_on_nothing",
    "claim_not_recorded",
    "claim_fails",
    "claim_unknown",
    "claim_lapsed",
    "blind_spot",
    "required_claim_dropped",
    "expired",
    "superseded",
]
"""Why a deployment is not covered. Codes are stable: programs read them."""


class Reason(Record):
    """One reason for a status of 1."""

    code: Code
    subject: str
    """The field or the claim it is about."""
    message: str
    """The same in words, with both values."""
    line: int | None
    """Where in the deploy file, counted from 1."""


class FieldVerdict(Record):
    """One field of the deployment beside what the record admits."""

    field: str
    status: Status
    declared: JsonValue
    admitted: JsonValue
    """A value, or a list of the two ends of a range."""
    unit: str
    line: int | None


class ClaimStanding(Record):
    """One claim of the record, as far as this deployment is concerned."""

    id: str
    verdict: ClaimVerdict
    """As recorded."""
    outcome: Outcome
    reason: str
    relied_on: bool
    lapsed_by: list[str]
    """Fields outside the envelope that took the claim away."""

    @property
    def stands(self) -> bool:
        """Whether the claim holds here and now."""
        return self.verdict == "holds" and not self.lapsed_by


class Verdict(Record):
    """Is this deployment still inside what was measured?"""

    format: Literal["verdict/0.1"]
    exit_status: Literal[0, 1]
    """0 exactly when there is no reason; 2 and 3 are errors and never become a verdict."""
    state: State
    reasons: list[Reason]
    fields: list[FieldVerdict]
    claims: list[ClaimStanding]
    newly_in_scope: list[str]
    """Claims that nobody measured for this use, and that a changed field calls for."""
    run_again: RunAgain
    deploy_name: str
    model: str
    """The checkpoint at hand, and by what it was recognised."""
    assurance: str
    measured_at: str
    valid_until: str
    checked_at: str

    @model_validator(mode="after")
    def _status_follows_from_reasons(self) -> Self:
        if (self.exit_status == 0) != (not self.reasons):
            raise ValueError("exit_status must be 0 exactly when there are no reasons")
        return self

    def as_json(self) -> str:
        """For programs: the whole object."""
        return self.model_dump_json(indent=2)
