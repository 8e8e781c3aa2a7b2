"""The records that can be signed. Plain data: no torch, no files, no clock."""

from envelope.records.base import FactorValue, Family, Outcome, Record, Scalar, Sha256, Verdict
from envelope.records.claims import Claim, NotMeasured, Trigger
from envelope.records.criteria import Criteria, Margins, ViolationCriterion
from envelope.records.envelope import Envelope
from envelope.records.estimates import Estimate, Measurement
from envelope.records.model_state import FileDigest, ModelState
from envelope.records.monitors import (
    CalibratedMonitor,
    Calibration,
    DetectedFrom,
    Monitor,
    Sensitivity,
)
from envelope.records.recorded import RecordedEpisodes
from envelope.records.run import Cell, Measurements, Picture, Plan, SuiteText, Timing, Tool
from envelope.records.scope import (
    JOINT_SCALES,
    Boundary,
    Conventions,
    InputScope,
    NuisanceScope,
    Observation,
    PlannerScope,
    Range,
    Strength,
)

__all__ = [
    "JOINT_SCALES",
    "Boundary",
    "CalibratedMonitor",
    "Calibration",
    "Cell",
    "Claim",
    "Conventions",
    "Criteria",
    "DetectedFrom",
    "Envelope",
    "Estimate",
    "FactorValue",
    "Family",
    "FileDigest",
    "InputScope",
    "Margins",
    "Measurement",
    "Measurements",
    "ModelState",
    "Monitor",
    "NotMeasured",
    "NuisanceScope",
    "Observation",
    "Outcome",
    "Picture",
    "Plan",
    "PlannerScope",
    "Range",
    "Record",
    "RecordedEpisodes",
    "Scalar",
    "Sensitivity",
    "Sha256",
    "Strength",
    "SuiteText",
    "Timing",
    "Tool",
    "Trigger",
    "Verdict",
    "ViolationCriterion",
]
