"""Verdicts from intervals, and the words that carry their figures."""

import math
from collections.abc import Iterable

from envelope.claims.sizes import Counted, profile_with
from envelope.records import Estimate, Plan, Verdict

_MOST_EPISODES = 1_000_000
"""Beyond this, saying how many episodes would settle something helps nobody."""
_WORST_FIRST: tuple[Verdict, ...] = ("fails", "unknown")
_TWO_SIDED, _POWER = 1.96, 0.842
"""Normal quantiles: of a 95 % interval, and of four times in five."""


def at_least(found: Estimate, limit: float) -> Verdict:
    """Holds when the whole interval reaches the limit, fails when none of it does."""
    if found.low >= limit:
        return "holds"
    return "fails" if found.high < limit else "unknown"


def at_most(found: Estimate, limit: float) -> Verdict:
    """Holds when the whole interval stays within the limit, fails when none of it does."""
    if found.high <= limit:
        return "holds"
    return "fails" if found.low > limit else "unknown"


def worst_of(verdicts: Iterable[Verdict]) -> Verdict:
    """Of parts that all have to hold: one that fails decides, then one that is unknown."""
    found = set(verdicts)
    return next((one for one in _WORST_FIRST if one in found), "holds")


def figures(found: Estimate, limit: float) -> str:
    """`0.83 [0.79, 0.87]`, with as many digits as it takes to tell each end from the limit."""
    return "{} [{}, {}]".format(*_texts([found.value, found.low, found.high], limit))


def number(value: float) -> str:
    """A number as people write it: no trailing zeros, no false precision."""
    return f"{value:.4g}"


def _texts(values: list[float], limit: float) -> list[str]:
    texts: list[str] = []
    for digits in (2, 3, 4, 6):
        texts = [f"{value:.{digits}f}" for value in values]
        told_apart = all(
            (value == limit) == (float(text) == limit)
            for value, text in zip(values, texts, strict=True)
        )
        if told_apart:
            break
    return texts


def episodes_to_settle(found: Estimate, limit: float) -> int | None:
    """About how many episodes would move the interval off the limit four times in five.

    That is if the observed value is the true one. An interval shrinks with the root of the number
    of episodes, and to lie beyond the limit that often it has to leave room for chance; a share of
    exactly 0 or 1 leaves none, and has an exact answer. None where the value sits on the limit, or
    only an absurd number would do.

    Source: Chow, Shao and Wang, Sample Size Calculations in Clinical Research, 2008, chapter 3.
    """
    gap = abs(found.value - limit)
    if not gap:
        return None
    if found.interval == "clopper_pearson" and found.value in (0.0, 1.0) and 0 < limit < 1:
        needed = math.log(0.025) / math.log(limit if found.value else 1 - limit)
    else:
        end = found.low if found.value > limit else found.high
        room = (_TWO_SIDED + _POWER) / _TWO_SIDED
        needed = found.episodes * (abs(found.value - end) / gap * room) ** 2
    if needed > _MOST_EPISODES:
        return None
    return max(found.episodes + 1, math.ceil(needed))


def settle(found: Estimate, limit: float, plan: Plan, counted: Counted = "cases") -> str:
    """What would settle an interval that straddles the limit, as the end of a sentence.

    Args:
        found: of so many of what `counted` names.
        limit: that it straddles.
        plan: of the run; longer profiles than its own may have enough.
        counted: what an episode of the estimate is.
    """
    needed = episodes_to_settle(found, limit)
    if needed is None:
        return "too close to the limit for any number of episodes to settle it"
    longer = profile_with(needed, counted, plan)
    return f"about {needed} episodes would settle it four times in five{longer}"
