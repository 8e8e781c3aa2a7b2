"""What a run produced: raw rows, pictures, the tool and its times."""

from typing import Literal, Self

from pydantic import Field, model_validator

from envelope.records.base import FactorValue, Family, Record, Scalar, Sha256
from envelope.records.claims import NotMeasured
from envelope.records.criteria import Criteria
from envelope.records.estimates import Measurement
from envelope.records.model_state import ModelState
from envelope.records.monitors import CalibratedMonitor
from envelope.records.recorded import RecordedEpisodes
from envelope.records.scope import Observation, PlannerScope


class Cell(Record):
    """The unit of work: one condition on one set of cases. Its raw rows, in columns."""

    id: Sha256
    """Digest of everything that decides the rows."""
    suite: str
    arm: str
    """Such as `model`, `random`, `untrained_twin`, `true_dynamics`."""
    condition: dict[str, Scalar]
    cases: Sha256
    """Digest of the cases (start, goal) or clips behind the rows."""
    status: Literal["done", "crashed"]
    rows: dict[str, list[float | int | bool | str | None]]
    """Columns of equal length, one entry per case; empty when crashed."""
    error: str = ""
    """What was raised, when crashed."""

    @model_validator(mode="after")
    def _columns_have_one_length(self) -> Self:
        lengths = {name: len(column) for name, column in self.rows.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns of a cell must have one length, got {lengths}")
        return self


class Picture(Record):
    """What a condition looks like: one frame, so that a reader can see strength 0.5."""

    suite: str
    condition: dict[str, Scalar]
    png_base64: str
    caption: str


class SuiteText(Record):
    """The four parts of a suite's docstring, printed by the report."""

    name: str
    family: Family
    question: str
    why_it_matters: str
    observes: str
    blind_to: str


class Timing(Record):
    """Wall times and times of day; not part of a measurement's identity."""

    measured_at: str
    """RFC 3339, ends in Z."""
    suite_seconds: dict[str, float]
    """Seconds each suite took on the measuring machine, cached cells at their first cost."""
    reused_cells: int
    """Cells taken from an earlier, interrupted or overlapping run."""
    run_cells: int
    cost_seconds: dict[str, float] = Field(default={}, exclude_if=lambda spent: not spent)
    """Seconds of encoding one `frame` and of one `plan`, on the measuring machine, as deployed."""


class Tool(Record):
    """What produced the record."""

    name: str
    version: str
    source_digest: Sha256
    """Digest over the evaluator's own source files."""
    libraries: dict[str, str]
    """Versions that can move results, such as torch and numpy."""


class Plan(Record):
    """What is going to be measured; written before the first cell runs."""

    profile: Literal["brief", "quick", "standard", "deep"]
    seed: int
    suites: list[str]
    num_cases: int
    num_streams: int
    num_calibration_episodes: int
    num_scoring_episodes: int
    criteria: Criteria
    recorded: RecordedEpisodes | None = Field(default=None, exclude_if=lambda data: data is None)
    """Set where recorded episodes take the place of a simulator."""
    goal_offsets_env_steps: list[int] = Field(default=[], exclude_if=lambda offsets: not offsets)
    """Goal offsets that run in closed loop besides the planner's own."""


class Measurements(Record):
    """Everything a run produced: raw rows, the summaries over them, pictures, timing."""

    format: Literal["measurements/0.1"]
    tool: Tool
    plan: Plan
    world: str
    observation: Observation
    factors: dict[str, FactorValue]
    planner_scope: PlannerScope
    model_state: ModelState
    basis: dict[str, str] = Field(default={}, exclude_if=lambda basis: not basis)
    """Digests of what the cells rest on, such as model, world, planner and evaluator; the id of a
    cell follows from them."""
    cells: list[Cell]
    summaries: list[Measurement]
    monitors: list[CalibratedMonitor]
    suites: list[SuiteText]
    pictures: list[Picture]
    not_measured: list[NotMeasured]
    timing: Timing
