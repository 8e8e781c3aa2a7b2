"""The record: scope, claims, evidence, triggers."""

from typing import Literal

from envelope.records.base import Record, Sha256
from envelope.records.claims import Claim, NotMeasured, Trigger
from envelope.records.criteria import Criteria
from envelope.records.estimates import Measurement
from envelope.records.model_state import ModelState
from envelope.records.monitors import Monitor
from envelope.records.run import SuiteText, Timing, Tool
from envelope.records.scope import InputScope, PlannerScope


class Envelope(Record):
    """The record: scope, claims, evidence, triggers."""

    format: Literal["envelope/0.1"]
    assurance: Literal["self_attested", "third_party", "reproduced"]
    tool: Tool
    profile: Literal["quick", "standard", "deep"]
    seed: int
    measured_at: str
    valid_until: str
    plan_digest: Sha256
    """Digest of what was to be measured, fixed before the first cell ran."""
    measurements_digest: Sha256
    """Digest of the rows behind every summary, without timing."""
    input_scope: InputScope
    planner_scope: PlannerScope
    model_state: ModelState
    monitors: list[Monitor]
    revalidation_triggers: list[Trigger]
    claims: list[Claim]
    criteria: Criteria
    evidence: list[Measurement]
    not_measured: list[NotMeasured]
    suites: list[SuiteText]
    timing: Timing
