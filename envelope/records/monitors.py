"""What watches the model while it runs, and what each monitor cannot see."""

from typing import Literal

from pydantic import Field

from envelope.records.base import Record, Sha256
from envelope.records.estimates import Estimate


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
    driven_by: Literal["planner", "recording"] = Field(
        default="planner", exclude_if=lambda driver: driver == "planner"
    )
    """Who chose the actions of these episodes. A threshold set on what somebody else recorded says
    nothing of how often the planner itself raises an alarm."""


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
    detected_from: list[DetectedFrom] = Field(default=[])
    """By class, where more than one magnitude was shown."""
    blind_spots: list[str]
    """Violation classes with a measured upper bound below the stated detection rate."""
