"""Thresholds that are fixed before a run."""

from typing import Literal, Self

from pydantic import Field, model_validator

from envelope.records.base import Record


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
    tokens_per_frame_at_most: int | None = Field(
        default=None, ge=1, exclude_if=lambda most: most is None
    )
    """Budget of tokens that a frame may carry to the predictor; None asks for nothing."""
    operations_per_plan_at_most: float | None = Field(
        default=None, gt=0, exclude_if=lambda most: most is None
    )
    """Budget of operations of one plan; None asks for nothing."""
    nuisances: dict[str, list[float]]
    """Strengths in [0, 1] at which each nuisance class is shown."""
    violations: dict[str, ViolationCriterion]
    valid_days: int = Field(ge=1)


class Margins(Record):
    """Largest harmless differences between a base model and its candidate."""

    success: float = Field(gt=0, lt=1)
    """Share of closed-loop cases."""
    detection: float = Field(gt=0, lt=1)
    """Share of unlawful clips of one class."""
    false_alarms: float = Field(gt=0, lt=1)
    """Share of lawful episodes."""
    usable_horizon: float = Field(gt=0, lt=1)
    """Share of the planner's horizon."""
