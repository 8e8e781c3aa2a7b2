"""What is said of the model, and when it ends."""

from typing import Literal

from envelope.records.base import Family, Outcome, Record, Verdict
from envelope.records.estimates import Estimate


class Claim(Record):
    """One sentence with a verdict, the evidence behind it and the fields it rests on."""

    id: str
    family: Family
    kind: Literal["requirement", "bound"]
    """A failing bound is a recorded limit (a blind spot, a nuisance limit), not a defect."""
    statement: str
    verdict: Verdict
    outcome: Outcome
    reason: str
    """Why, with the figures that decided."""
    criterion: str
    rests_on: list[str]
    """Dotted paths of fields; a change in one of them lapses the claim."""
    suites: list[str]
    evidence: list[str]
    """Ids of the summaries in measurements.json that decided."""
    estimate: Estimate | None


class Trigger(Record):
    """A change that ends reliance until something was measured again."""

    field: str
    """Dotted path in this record, such as `planner_scope.horizon`."""
    comparison: Literal["equal", "within", "at_most", "subset", "digest_equal"]
    claims: list[str]
    """Claims that lapse when the field leaves what is admitted."""
    brings_in: list[str]
    """Claims of other families that the change brings newly into scope."""
    suites: list[str]
    acceptance: str
    meanwhile: Literal["stop", "restrict", "tighten_monitor"]
    reason: str


class NotMeasured(Record):
    """Something a reader might assume was measured, and was not."""

    what: str
    reason: str
    settle: str
    """What would settle it."""
