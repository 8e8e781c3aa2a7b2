import numpy as np
import pytest

from perturbations.migration import comparison
from perturbations.statistics import sequential


def test_more_false_alarms_are_worse_and_fewer_are_not():
    base, candidate = np.zeros(100, bool), np.arange(100) < 20

    more = comparison.outcomes("f", {}, candidate, base, margin=0.05, higher_is_worse=True)
    fewer = comparison.outcomes("f", {}, base, candidate, margin=0.05, higher_is_worse=True)

    assert more.difference.value == pytest.approx(0.2)
    assert more.p_worse < 1e-4
    assert fewer.p_worse == 1
    assert more.needed is not None


def test_an_early_stop_widens_the_interval_and_half_of_the_error_is_spent_on_the_way():
    base, candidate = np.ones(40), np.arange(40) >= 8

    stopped = comparison.watched_outcomes("s", {}, candidate, base, margin=0.05, planned=80)
    ended = comparison.watched_outcomes("s", {}, candidate, base, margin=0.05, planned=40)

    assert (stopped.difference.interval, ended.difference.interval) == ("betting", "newcombe")
    assert stopped.difference.low < ended.difference.low
    assert ended.p_worse == pytest.approx(2 * 0.5**8)
    assert ended.p_worse < stopped.p_worse


def test_one_case_in_common_is_no_evidence():
    found = comparison.outcomes("s", {}, [1], [0], margin=0.05)

    assert (found.difference, found.p_worse) == (None, 1.0)


# --- simulated: a closed loop that is looked at as it goes on ------------------------------------

MARGIN = 0.05
FAMILY = 21
"""Comparisons of a gate on the bundled model: success, 18 classes, false alarms, horizon."""


def watched(lost, gained, *, cases):
    """A closed loop of so many cases with so many lost and gained, in the order of `lost`."""
    base = np.r_[np.ones(lost), np.zeros(gained), np.ones(cases - lost - gained)]
    candidate = np.r_[np.zeros(lost), np.ones(cases - lost)]
    return outcome(candidate, base)


def outcome(candidate, base):
    num = len(base)
    told = comparison.watched_outcomes(
        "s", {}, candidate, base, margin=MARGIN, planned=num, family=FAMILY
    )
    return told, verdict(told, candidate - base)


def verdict(told, differences):
    """What the closed loop by itself shows, on the way or at its end."""
    if sequential.capital(differences, -MARGIN).max() >= 40 or told.difference.low > -MARGIN:
        return "non_inferior"
    return "inferior" if told.p_worse * FAMILY <= 0.05 else "undecided"


def shares(lost, gained, *, cases, repeats=200):
    """How often simulated closed loops with these shares show what, by verdict."""
    rng = np.random.default_rng(0)
    seen = []
    for _ in range(repeats):
        drawn = rng.random(cases)
        base = (drawn >= gained).astype(float)
        candidate = ((drawn < gained) | (drawn >= gained + lost)).astype(float)
        seen.append(outcome(candidate, base)[1])
    return {name: seen.count(name) / repeats for name in ("non_inferior", "inferior", "undecided")}


@pytest.mark.parametrize(("gained", "cases"), [(0.0, 80), (0.0, 300), (0.04, 150)])
def test_a_candidate_worse_by_the_margin_is_shown_harmless_at_most_once_in_twenty(gained, cases):
    assert shares(MARGIN + gained, gained, cases=cases)["non_inferior"] <= 0.05


@pytest.mark.parametrize(("differing", "cases"), [(0.02, 80), (0.1, 150), (0.4, 150)])
def test_an_equal_candidate_is_shown_to_be_worse_at_most_once_in_twenty(differing, cases):
    half = differing / 2

    assert shares(half, half, cases=cases)["inferior"] <= 0.05


@pytest.mark.parametrize(
    ("lost", "gained", "cases"), [(2, 1, 80), (1, 1, 60), (5, 1, 40), (8, 2, 60), (12, 4, 60)]
)
def test_the_number_of_cases_that_would_decide_is_right_within_a_factor_of_one_and_a_half(
    lost, gained, cases
):
    told, found = watched(lost, gained, cases=cases)
    assert found == "undecided"
    about = lost / cases, gained / cases

    fewer = shares(*about, cases=int(told.needed / 1.5))
    more = shares(*about, cases=int(told.needed * 1.5))

    assert fewer["undecided"] > 0.2  # which is what a power of 0.8 leaves open
    assert more["undecided"] < 0.2


def test_a_loss_within_a_family_takes_more_cases_than_one_by_itself():
    base, candidate = np.ones(40), np.arange(40) >= 6

    alone = comparison.outcomes("s", {}, candidate, base, margin=MARGIN)
    among = comparison.outcomes("s", {}, candidate, base, margin=MARGIN, family=FAMILY)

    assert 1.7 < among.needed / alone.needed < 2.1
