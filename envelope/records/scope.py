"""The conditions that a record speaks about: what the encoder sees, how the planner searches."""

from typing import Literal, Self

from pydantic import Field, model_validator

from envelope.records.base import FactorValue, Outcome, Record, Sha256
from envelope.records.estimates import Estimate


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

    def shrunk(self, nominal: float, scale: float) -> "Range":
        """What lies this share of the way from a point of the range to its ends."""
        if scale == 1:
            return self
        return Range(
            low=nominal + scale * (self.low - nominal), high=nominal + scale * (self.high - nominal)
        )


JOINT_SCALES = (0.25, 0.5, 0.625, 0.75, 0.875, 1.0)
"""Boxes in which all nuisances are drawn together, as shares of their admitted ranges: each is
tried only where every smaller one held (docs/decisions/0007)."""


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
    boundaries: list[Boundary] = Field(default=[])
    """By direction, those that ran in closed loop on the current frame."""
    strengths: list[Strength] = Field(default=[])
    """Every closed-loop cell, and on the current frame every strength that has none."""

    @property
    def directions_run(self) -> tuple[str, ...]:
        """Those that ran in closed loop; `admitted` is taken to hold in all."""
        ran = [one.direction for one in self.strengths if one.outcome != "not_measured"]
        return tuple(dict.fromkeys(ran))


class InputScope(Record):
    """Domain and admitted nuisance range: bounds slow-feature exposure."""

    world: str
    observation: Observation
    factors: dict[str, FactorValue]
    """Factors of variation that differ from the world's defaults, by dotted name."""
    recorded_episodes: Sha256 | None = Field(default=None, exclude_if=lambda data: data is None)
    """Digest of the data set, where recorded episodes are all that was measured on."""
    driven_by: Literal["recording"] | None = Field(default=None, exclude_if=lambda by: by is None)
    """Who chose the actions: on recorded episodes whoever recorded them, else the planner."""
    nuisance: dict[str, NuisanceScope]
    joint: bool
    """True when all nuisances drawn together inside a box left success alone."""
    joint_scale: float = Field(default=1.0, gt=0, le=1, exclude_if=lambda scale: scale == 1)
    """How far that box goes: this share of every admitted range, from nominal."""


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
    options: dict[str, float] = Field(default={}, exclude_if=lambda options: not options)
    """What else the search and the cost read, where it is off its default."""
