"""Fixed number formats, and the words and shapes that go with every colour."""

from collections.abc import Mapping
from datetime import UTC, datetime

from envelope.records import Estimate, Outcome, Scalar, Verdict
from envelope.records.units import in_unit
from reports.html import Html, tag

VERDICTS: tuple[Verdict, ...] = ("holds", "fails", "unknown")

OUTCOME_WORDS: Mapping[Outcome, str] = {
    "met": "met",
    "not_met": "not met",
    "robust": "robust",
    "fails_loudly": "fails loudly",
    "fails_silently": "fails silently",
    "fails_alarm_unknown": "fails, alarm unknown",
    "detected": "detected",
    "blind": "blind",
    "inconclusive": "inconclusive",
    "not_measured": "not measured",
    "crashed": "crashed",
}

FAMILY_WORDS: Mapping[str, str] = {
    "base": "clean world",
    "F1": "intrinsic dimension",
    "F2": "visual shift",
    "F3": "collapse",
    "F4": "planner exploitation",
    "F5": "monitor blind spots",
    "F6": "fine-tuning",
    "F7": "rollout drift",
}

SENSITIVITY_MARK: Mapping[str, Verdict] = {
    "detected": "holds",
    "blind": "fails",
    "inconclusive": "unknown",
    "crashed": "unknown",
}
"""The mark beside what a monitor makes of a violation; the word itself is the record's."""


def mark(verdict: str) -> Html:
    """Draw the shape of a verdict: disc holds, square fails, diamond unknown, ring not measured."""
    name = verdict if verdict in VERDICTS else "hollow"
    shape = tag("use", href=f"#mark-{name}")
    return tag("svg", shape, class_=f"mark {name}", aria_hidden="true")


def verdict_word(verdict: str) -> Html:
    """Shape, colour and word."""
    name = verdict if verdict in VERDICTS else "hollow"
    return tag("span", mark(verdict), tag("b", verdict), class_=f"verdict {name}")


def number(value: float, decimals: int = 3) -> str:
    """Fixed decimals, a true minus, never `-0`; powers of ten for what is very large, and for what
    is very small where more decimals are asked for than a share needs."""
    too_small = decimals > 2 and abs(value) < 0.5 * 10**-decimals
    if value != 0 and (abs(value) >= 1e6 or too_small):
        digits, power = f"{value:.2e}".split("e")
        return f"{digits}\u00d710^{int(power)}".replace("-", "\u2212")
    text = f"{value:.{decimals}f}"
    if text.startswith("-"):
        text = text[1:] if float(text) == 0 else "\u2212" + text[1:]
    return text


def short(value: float) -> str:
    """A setting, as written by hand: no trailing zeros, at most four significant digits."""
    text = f"{value:.4g}"
    return text.replace("-", "\u2212")


def scalar(value: Scalar) -> str:
    """One value of a condition."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f") if abs(value) >= 10_000 else str(value)
    return short(value) if isinstance(value, float) else value


def interval(estimate: Estimate, decimals: int = 3) -> str:
    """Both ends of the 95 % interval."""
    return f"[{number(estimate.low, decimals)}, {number(estimate.high, decimals)}]"


def with_interval(estimate: Estimate | None, decimals: int = 2) -> str:
    """Value and interval, or `not measured`."""
    if estimate is None:
        return "not measured"
    return f"{number(estimate.value, decimals)} {interval(estimate, decimals)}"


def measured_words(estimate: Estimate | None) -> str:
    """`measured` with value and interval, or `not measured`."""
    return "not measured" if estimate is None else f"measured {with_interval(estimate, 3)}"


def p_value(value: float) -> str:
    """A p-value to three decimals."""
    return "<\u2009.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")


def amount(value: float, unit: str) -> str:
    """A setting with its unit."""
    return in_unit(short(value), unit, space="\u00a0")


def count(num: int, one: str, many: str | None = None) -> str:
    """A count with its noun."""
    return f"{scalar(num)} {one if num == 1 else many or one + 's'}"


def size(size_bytes: int) -> str:
    """Bytes in a readable unit."""
    value, units = float(size_bytes), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value, units = value / 1024, units[1:]
    return f"{value:.0f} bytes" if units[0] == "bytes" else f"{value:.1f} {units[0]}"


def seconds(value: float) -> str:
    """A duration."""
    if value < 120:
        return f"{value:.1f} s"
    return f"{value / 60:.1f} min" if value < 7200 else f"{value / 3600:.1f} h"


def moment(rfc3339: str) -> Html:
    """A time of day from the record, readable; the record's own words if it is not a time."""
    try:
        when = datetime.fromisoformat(rfc3339)
        if when.tzinfo is None:  # would be read in the host's zone
            raise ValueError(rfc3339)
        when = when.astimezone(UTC)
    except (ValueError, OverflowError):
        return tag("span", rfc3339)
    months = "January February March April May June July August September October November December"
    words = f"{when.day} {months.split()[when.month - 1]} {when.year}, {when:%H:%M} UTC"
    return tag("time", words, datetime=rfc3339)
