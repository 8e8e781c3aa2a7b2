"""What every record is made of."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

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
