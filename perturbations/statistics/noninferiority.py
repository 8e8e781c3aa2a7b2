"""How many paired cases a comparison needs, and what those at hand can find.

A pair is *lost* when the base succeeds and the candidate does not, *gained* the other way round.
All figures are for the two-sided 95 % level at which intervals are drawn and a power of 80 %.

Non-inferiority is shown where the low end of the interval lies above minus the margin (ICH E9,
1998, section 3.3.2). Of candidates worse by exactly 0.05, 1.6 % to 2.9 % are shown harmless (10,000
simulated tables each of 80, 150 and 400 cases); in a closed loop that may stop early, 2.9 % to
4.3 % (700 simulated loops each). Promised, and held to by the tests, is once in twenty.
"""

import math

from scipy import special

from perturbations.statistics.stats import CONFIDENCE

POWER = 0.8
_Z = float(special.ndtri(0.5 + CONFIDENCE / 2))
_Z_POWER = float(special.ndtri(POWER))
_MOST = 100_000
"""Largest number of cases worth naming."""


def cases_to_show(lost: float, gained: float, margin: float) -> int | None:
    """Paired cases after which non-inferiority is shown, if these shares are the true ones.

    Args:
        lost: share of cases that only the base solves.
        gained: share of cases that only the candidate solves.
        margin: largest harmless difference.

    Returns:
        None where the candidate is worse by the margin, or by so nearly as much that more than
        100,000 cases would be needed.

    Source: Liu, Hsueh, Hsieh and Chen, Statistics in Medicine 21 (2002) 231-245: the score test of
    a margin, with the shares that are likeliest if the candidate is worse by all of it.
    """
    room = margin + gained - lost
    if room <= 0:
        return None
    slope = 2 * margin * (1 - lost) - (lost + gained) * (1 - margin)
    root = math.sqrt(slope**2 + 8 * gained * margin * (1 - margin))
    variance_at_margin = (root - slope) / 2 + margin - margin**2
    variance = lost + gained - (gained - lost) ** 2
    spread = _Z * math.sqrt(variance_at_margin) + _Z_POWER * math.sqrt(variance)
    needed = math.ceil((spread / room) ** 2)
    return needed if needed <= _MOST else None


def cases_to_show_worse(lost: float, gained: float, *, family: int = 1) -> int | None:
    """Paired cases after which McNemar's test finds the loss, if these shares are the true ones.

    Args:
        lost: share of cases that only the base solves.
        gained: share of cases that only the candidate solves.
        family: comparisons that share one error rate; Holm asks that much more of the first.

    None where there is no loss, or more than 100,000 cases would be needed.

    Source: Connor, Biometrics 43 (1987) 207-211.
    """
    loss = lost - gained
    if loss <= 0:
        return None
    differing = lost + gained
    spread = _quantile(family) * math.sqrt(differing) + _Z_POWER * math.sqrt(
        max(differing - loss**2, 0.0)
    )
    needed = math.ceil((spread / loss) ** 2)
    return needed if needed <= _MOST else None


def smallest_detectable_loss(cases: int, differing: float) -> float | None:
    """The smallest loss that McNemar's test finds among so many cases, four times out of five.

    Args:
        cases: paired cases.
        differing: share of them in which base and candidate differ.

    None where even all of the differing cases lost would not be found.

    Source: as `cases_to_show_worse`, solved for the loss.
    """
    if not 0 < differing <= 1:
        return None
    low, high = 0.0, differing

    def enough(loss: float) -> bool:
        needed = cases_to_show_worse((differing + loss) / 2, (differing - loss) / 2)
        return needed is not None and needed <= cases

    if not enough(high):
        return None
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _quantile(family: int) -> float:
    """Of the normal distribution, two-sided, at the level of one out of so many comparisons."""
    return float(special.ndtri(1 - (1 - CONFIDENCE) / (2 * family)))
