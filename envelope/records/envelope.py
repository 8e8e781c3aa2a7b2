"""The record: scope, claims, triggers, and which evidence is behind them."""

from typing import Literal

from envelope.records.base import Record, Sha256
from envelope.records.claims import Claim, NotMeasured, Trigger
from envelope.records.criteria import Criteria
from envelope.records.model_state import ModelState
from envelope.records.monitors import Monitor
from envelope.records.run import SuiteText, Timing, Tool
from envelope.records.scope import InputScope, PlannerScope


class Envelope(Record):
    """The record: scope, claims, triggers, and which evidence is behind them."""

    format: Literal["envelope/0.1"]
    assurance: Literal["self_attested", "third_party", "reproduced"]
    tool: Tool
    profile: Literal["brief", "quick", "standard", "deep"]
    seed: int
    measured_at: str
    valid_until: str
    plan_digest: Sha256
    """Digest of what was to be measured, fixed before the first cell ran."""
    measurements_digest: Sha256
    """Digest of measurements.json without timing: of every row, and of every summary over them that
    a claim names as its evidence."""
    input_scope: InputScope
    planner_scope: PlannerScope
    model_state: ModelState
    monitors: list[Monitor]
    revalidation_triggers: list[Trigger]
    claims: list[Claim]
    criteria: Criteria
    not_measured: list[NotMeasured]
    suites: list[SuiteText]
    timing: Timing
