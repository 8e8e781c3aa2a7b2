"""What a suite observed: numbers with their doubt."""

from typing import Literal, Self

from pydantic import Field, model_validator

from envelope.records.base import Record, Scalar


class Estimate(Record):
    """A number with its doubt."""

    value: float
    low: float
    """Lower end of the 95 % interval named by `interval`."""
    high: float
    """Upper end of the same."""
    episodes: int = Field(ge=2)
    """Independent episodes behind `value`; one episode has no interval."""
    interval: Literal[
        "clopper_pearson",
        "clopper_pearson_quotient",
        "bootstrap",
        "newcombe",
        "jackknife",
        "delta",
        "betting",
        "bracket",
        "counted",
    ]
    """How `low` and `high` were computed. What was `counted` has no doubt: they are the smallest
    and the largest count."""
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
