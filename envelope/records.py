"""The records that can be signed. Plain data: no torch, no files, no clock."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Verdict = Literal["holds", "fails", "unknown"]
Outcome = Literal[
    "met",
    "not_met",
    "robust",
    "fails_loudly",
    "fails_silently",
    "fails_alarm_unknown",
    "detected",
    "blind",
    "inconclusive",
    "not_measured",
    "crashed",
]
Family = Literal["base", "F1", "F2", "F3", "F4", "F5", "F6", "F7"]
"""One of the seven failure families, or `base` for what all of them stand on."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", min_length=64, max_length=64)]
Scalar = float | int | str | bool
"""A single value of a condition or a factor."""
FactorValue = float | int | list[float] | list[int]
"""Value of a factor of variation: a number, or one number per component."""


class Record(BaseModel):
    """Base of every record: read-only, nothing extra, no NaN, no silent conversion."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
    )


# --- evidence ---------------------------------------------------------------------------------


class Estimate(Record):
    """A number with its doubt."""

    value: float
    low: float
    """Lower end of the 95 % interval named by `interval`."""
    high: float
    """Upper end of the same."""
    episodes: int = Field(ge=2)
    """Independent episodes behind `value`; one episode has no interval."""
    interval: Literal["clopper_pearson", "bootstrap", "newcombe", "jackknife", "betting", "bracket"]
    """How `low` and `high` were computed."""
    seed: int
    """Seed that reproduces the interval; 0 where the method draws nothing."""

    @model_validator(mode="after")
    def _interval_is_ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low must not exceed high, got [{self.low}, {self.high}]")
        return self


class Measurement(Record):
    """What a suite observed, and under which condition."""

    suite: str
    quantity: str
    """Such as `drift_ratio`; the suite's docstring says what it means."""
    unit: str
    """Unit of the estimate; `1` for a plain ratio."""
    condition: dict[str, Scalar]
    """What was set, such as `{"horizon": 8}`."""
    estimate: Estimate | None
    """None where the rows do not support one; `note` then says why."""
    p_holm: float | None = None
    """Holm-adjusted p-value of the test named in `note`, where the quantity is a comparison."""
    note: str = ""

    @property
    def id(self) -> str:
        """Stable name within one record: suite, quantity and condition."""
        inside = ",".join(f"{key}={_spelt(self.condition[key])}" for key in sorted(self.condition))
        return f"{self.suite}/{self.quantity}[{inside}]"


def _spelt(value: Scalar) -> str:
    """As RFC 8785 spells it, so that a record has the same ids before and after signing."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


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


# --- the five fields ----------------------------------------------------------------------------


class Observation(Record):
    """How the world reaches the encoder."""

    size_px: int = Field(ge=1)
    env_steps_per_frame: int = Field(ge=1)


class Range(Record):
    """What is admitted on one axis; between two holding points counts as measured."""

    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low must not exceed high, got [{self.low}, {self.high}]")
        return self


class Boundary(Record):
    """Up to which amount a nuisance leaves success alone, in one direction."""

    direction: str
    amount: Estimate
    """`low` and `high` are the amounts between which the limit lies, if more costs no less."""
    is_open: bool
    """True where no amount was shown to cost too much: the far end is only where sweeping ended."""


class Strength(Record):
    """What one strength of a nuisance does, in closed loop."""

    direction: str
    frames: Literal["current", "goal", "both"]
    strength: float
    amount: float
    outcome: Outcome
    """`robust`, `fails_loudly`, `fails_silently`, or one of those that mean unknown."""


class NuisanceScope(Record):
    """How much of one nuisance class is admitted, in its physical unit."""

    unit: str
    """Such as `delta_e`, `gain`, `px`, `std`."""
    nominal: float
    """Value at strength 0."""
    measured: Range
    """Values at which planning was measured in closed loop."""
    admitted: Range
    """The part of `measured` on which success was kept; nominal alone when none was."""
    frames: list[Literal["current", "goal", "both"]]
    """Where the nuisance was put in the cells behind `admitted`."""
    boundaries: list[Boundary] = []
    """By direction, those that ran in closed loop on the current frame."""
    strengths: list[Strength] = []
    """Every closed-loop cell, and on the current frame every strength that has none."""


class InputScope(Record):
    """Domain and admitted nuisance range: bounds slow-feature exposure."""

    world: str
    observation: Observation
    factors: dict[str, FactorValue]
    """Factors of variation that differ from the world's defaults, by dotted name."""
    nuisance: dict[str, NuisanceScope]
    joint: bool
    """True when a cell with all nuisances drawn together inside the box held."""


class Conventions(Record):
    """Evaluator conventions that people take for granted, and that move results."""

    action_scale: str
    batchnorm: str
    success_rule: str
    goal_offset_env_steps: int
    budget_env_steps: int
    solver_batch: str
    dtype: str
    device: str


class PlannerScope(Record):
    """How hard the planner searches and how far it looks: bounds planner exploitation."""

    algorithm: str
    num_samples: int
    iterations: int
    elites: int
    horizon: int
    """Model steps imagined per plan."""
    block_size: int
    """Env steps per model step."""
    execute_blocks: int
    """Blocks executed before planning again."""
    history: int
    """Frames of context given to the predictor when it was trained."""
    cost: str
    """Name and version, such as `terminal_latent_sse/1`."""
    conventions: Conventions
    admitted: dict[str, Range]
    """Axes on which more than the nominal point was measured and held."""


class FileDigest(Record):
    """One file of the checkpoint, by its bytes."""

    path: str
    """Relative name; never an absolute path."""
    size_bytes: int
    sha256: Sha256


class ModelState(Record):
    """Which numbers were measured: bounds fine-tuning degradation."""

    files: list[FileDigest]
    tensor_digest: Sha256
    """Digest over all parameters and buffers; survives a change of container."""
    groups: dict[str, Sha256]
    """The same over one part, such as `encoder` and `predictor`."""
    config_digest: Sha256
    adapter: str
    num_parameters: int
    tuning: list[str]
    """Tuning steps after training, oldest first; empty for a model as trained."""
    training: dict[str, Scalar]
    """Headline of the training record: data digest, updates, seed."""


class Sensitivity(Record):
    """What one monitor makes of one violation class at one magnitude."""

    violation: str
    kind: Literal["physical", "visual", "sensor"]
    magnitude: float
    unit: str
    outcome: Literal["detected", "blind", "inconclusive", "crashed"]
    detection: Estimate | None
    """Share of unlawful clips with an alarm after the critical frame."""
    auroc: Estimate | None
    delay_env_steps: Estimate | None
    """Env steps from the event to the first alarm, over detected clips."""
    episodes_needed: int | None = None
    """Episodes that would settle an inconclusive outcome at the observed rate."""


class DetectedFrom(Record):
    """The smallest magnitude that one monitor detects, by the ends of exact intervals."""

    violation: str
    unit: str
    magnitude: float | None
    """Smallest one that is detected along with all larger ones; None where the largest is not."""
    more_than: float | None
    """Largest one below it, or of all, that was not shown to be detected; None where there is
    none. The smallest detectable magnitude lies above it and is at most `magnitude`."""


class Calibration(Record):
    """Where a threshold comes from."""

    method: Literal["split_conformal"]
    episodes: int = Field(ge=1)
    episodes_digest: Sha256
    """Digest of the calibration episodes; disjoint from those scored."""
    model_steps_per_episode: int


class CalibratedMonitor(Record):
    """A monitor with its threshold, before anything was said about what it sees."""

    name: str
    statistic: str
    """What is compared with the threshold, in words."""
    threshold: float
    false_alarms_per_episode: float = Field(gt=0, lt=1)
    """Stated rate, which the calibration guarantees with 95 % confidence."""
    calibration: Calibration


class Monitor(CalibratedMonitor):
    """A threshold, and the violation classes the monitor is known to be blind to."""

    measured_false_alarms: Estimate | None
    """Rate on held-out lawful episodes."""
    positive_control: bool
    """True when an injected violation was caught; without it no claim of the monitor holds."""
    sensitivity: list[Sensitivity]
    detected_from: list[DetectedFrom] = []
    """By class, where more than one magnitude was shown."""
    blind_spots: list[str]
    """Violation classes with a measured upper bound below the stated detection rate."""


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


# --- claims, criteria, envelope -----------------------------------------------------------------


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
    """Ids of the measurements that decided."""
    estimate: Estimate | None


class NotMeasured(Record):
    """Something a reader might assume was measured, and was not."""

    what: str
    reason: str
    settle: str
    """What would settle it."""


class Tool(Record):
    """What produced the record."""

    name: str
    version: str
    source_digest: Sha256
    """Digest over the evaluator's own source files."""
    libraries: dict[str, str]
    """Versions that can move results, such as torch and numpy."""


class ViolationCriterion(Record):
    """Magnitudes at which a violation class is shown, and the one that its claim is about."""

    magnitudes: list[float] = Field(min_length=1)
    claim_at: float
    unit: str

    @model_validator(mode="after")
    def _claim_is_measured(self) -> Self:
        if self.claim_at not in self.magnitudes:
            raise ValueError(f"claim_at {self.claim_at} is not among {self.magnitudes}")
        return self


class Criteria(Record):
    """Thresholds that turn measurements into claims; fixed before the run."""

    format: Literal["criteria/0.1"]
    success_at_least: float = Field(gt=0, lt=1)
    """Clean closed-loop success whose lower bound must reach this."""
    share_of_ceiling_at_least: float = Field(gt=0, le=1)
    """Success over that of the same planner on the true dynamics."""
    max_success_drop: float = Field(gt=0, lt=1)
    """Largest drop of success, in absolute share, at which a nuisance is still harmless."""
    detection_rate: float = Field(gt=0, lt=1)
    """Stated rate: detected above it, blind below it, by the interval."""
    false_alarms_per_episode: float = Field(gt=0, lt=1)
    max_drift_ratio: float = Field(gt=0)
    """Error over nothing-moves up to which a horizon is usable."""
    effective_rank_at_least: float = Field(default=1.5, gt=0)
    """Of latents over states of the world: about as many as the world has dimensions."""
    distance_rank_at_least: float = Field(default=0.5, gt=0, lt=1)
    """Rank correlation of latent with true distance."""
    action_sensitivity_at_least: float = Field(default=0.5, gt=0, lt=1)
    """Share of the real answer to another action that the imagined one follows."""
    max_nuisance_alarms: float = Field(default=0.2, gt=0, lt=1)
    """Share of episodes that may alarm under a nuisance which leaves success alone."""
    max_optimism_gap: float = Field(default=0.25, gt=0)
    """What the best-looking plan really costs more than imagined, over the cost of staying."""
    max_broken_share: float = Field(default=0.2, gt=0, lt=1)
    """Solved cases that a search inside the admitted nuisance range may turn into failures."""
    nuisances: dict[str, list[float]]
    """Strengths in [0, 1] at which each nuisance class is shown."""
    violations: dict[str, ViolationCriterion]
    valid_days: int = Field(ge=1)


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


class Margins(Record):
    """Largest harmless differences between a base model and its candidate."""

    success: float = Field(gt=0, lt=1)
    """Share of closed-loop cases."""
    detection: float = Field(gt=0, lt=1)
    """Share of unlawful clips of one class."""
    false_alarms: float = Field(gt=0, lt=1)
    """Share of lawful episodes."""
    drift_ratio: float = Field(gt=0)
    """Rollout error over nothing-moves, at the planner's horizon."""


class Plan(Record):
    """What is going to be measured; written before the first cell runs."""

    profile: Literal["quick", "standard", "deep"]
    seed: int
    suites: list[str]
    num_cases: int
    num_streams: int
    num_calibration_episodes: int
    num_scoring_episodes: int
    criteria: Criteria


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
    cells: list[Cell]
    summaries: list[Measurement]
    monitors: list[CalibratedMonitor]
    suites: list[SuiteText]
    pictures: list[Picture]
    not_measured: list[NotMeasured]
    timing: Timing
