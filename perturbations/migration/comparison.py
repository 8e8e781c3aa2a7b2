"""Candidate less base on the same cases: the difference, how sure a loss is, what would decide.

Shapes in this module:
    N  cases or episodes, the same in both
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from envelope.records import Estimate, Scalar
from perturbations.statistics import noninferiority, sequential, stats


class Comparison(NamedTuple):
    """One quantity, candidate less base."""

    quantity: str
    condition: Mapping[str, Scalar]
    difference: Estimate | None
    """None where it was not measured; `note` says why."""
    p_worse: float
    """p-value of "not worse"; 1 where nothing was measured or the candidate looks no worse."""
    needed: int | None
    """Cases or episodes that would decide, if what was observed is true."""
    note: str


def not_measured(quantity: str, condition: Mapping[str, Scalar], why: str) -> Comparison:
    """A comparison that there is no evidence for."""
    return Comparison(quantity, condition, None, 1.0, None, why)


def outcomes(
    quantity: str,
    condition: Mapping[str, Scalar],
    candidate: ArrayLike,
    base: ArrayLike,
    *,
    margin: float,
    higher_is_worse: bool = False,
    family: int = 1,
) -> Comparison:
    """Paired outcomes (N,), compared by exact McNemar and Newcombe's interval.

    `family` is the number of comparisons under one error rate: the more, the more cases it takes
    to show a loss. The p-value is McNemar's two-sided one where the candidate looks worse, so it
    errs in that direction at half its level.
    """
    better, worse = (base, candidate) if higher_is_worse else (candidate, base)
    both, gained, lost, neither = stats.paired_table(better, worse)
    num = both + gained + lost + neither
    if num < 2:
        return not_measured(quantity, condition, f"{num} cases in common have no interval")
    return Comparison(
        quantity,
        condition,
        stats.paired_difference(candidate, base),
        stats.mcnemar(candidate, base) if lost > gained else 1.0,
        _needed(lost, gained, num, margin, family),
        f"{lost} lost, {gained} gained of {num}; exact McNemar{_finds(lost + gained, num)}",
    )


def watched_outcomes(
    quantity: str,
    condition: Mapping[str, Scalar],
    candidate: ArrayLike,
    base: ArrayLike,
    *,
    margin: float,
    planned: int,
    family: int = 1,
) -> Comparison:
    """Paired outcomes (N,) that were looked at as they came; fewer than `planned` if stopped early.

    Half of the error is spent on the way, on bets that are valid whenever one stops, half at the
    planned end, on exact McNemar and Newcombe's interval.
    """
    told = outcomes(quantity, condition, candidate, base, margin=margin, family=family)
    if told.difference is None:
        return told
    differences = np.asarray(candidate, dtype=np.float64) - np.asarray(base, dtype=np.float64)
    on_the_way = min(1.0, 2 * sequential.p_worse(differences))
    if len(differences) >= planned:
        return told._replace(p_worse=min(on_the_way, told.p_worse))
    return told._replace(
        difference=sequential.mean_difference(differences),
        p_worse=on_the_way,
        note=f"{told.note.split(';')[0]}, stopped before {planned}; betting, valid at any stop",
    )


def _needed(lost: int, gained: int, num: int, margin: float, family: int) -> int | None:
    """At the observed shares, each with half a pair more: none observed does not mean none."""
    shares = (lost + 0.5) / (num + 1), (gained + 0.5) / (num + 1)
    found = noninferiority.cases_to_show(*shares, margin)
    if found is None:
        found = noninferiority.cases_to_show_worse(*shares, family=family)
    return None if found is None else max(found, num + 1)


def _finds(differing: int, num: int) -> str:
    """How small a loss these cases would have found, each share with half a pair more."""
    loss = noninferiority.smallest_detectable_loss(num, (differing + 1) / (num + 1))
    return "" if loss is None else f", which finds a loss of {loss:.2g} four times in five"
