"""Simulated: how often looking all the time is wrong, and how often intervals hold the truth."""

import numpy as np
import pytest

from perturbations.statistics import sequential


def draws(lost, gained, *, cases, repeats, seed=0):
    """Differences of simulated comparisons, (repeats, cases)."""
    rng = np.random.default_rng(seed)
    return rng.choice([-1.0, 0.0, 1.0], p=[lost, 1 - lost - gained, gained], size=(repeats, cases))


@pytest.mark.parametrize("differing", [0.04, 0.2, 0.6])
def test_looking_after_every_case_calls_an_equal_candidate_worse_at_most_once_in_twenty(differing):
    every = draws(differing / 2, differing / 2, cases=200, repeats=400)

    wrong = np.mean([sequential.p_worse(one) <= 0.05 for one in every])

    assert wrong <= 0.05


@pytest.mark.parametrize("gained", [0.0, 0.1])
def test_looking_after_every_case_shows_what_is_not_so_at_most_once_in_forty(gained):
    """The candidate is worse by exactly the margin, so non-inferiority must not be shown."""
    every = draws(0.05 + gained, gained, cases=200, repeats=400)

    wrong = np.mean([sequential.capital(one, -0.05).max() >= 40 for one in every])

    assert wrong <= 0.025


@pytest.mark.parametrize(("lost", "gained"), [(0.05, 0.05), (0.3, 0.1), (0.0, 0.02)])
def test_the_interval_holds_the_truth_at_every_moment_together(lost, gained):
    truth = gained - lost
    every = draws(lost, gained, cases=120, repeats=400)
    looks = (20, 40, 80, 120)

    held = np.mean(
        [
            sequential.capital(one, truth).max() < 40
            and sequential.capital(-one, -truth).max() < 40
            for one in every
        ]
    )

    assert held >= 0.95
    for look in looks:  # the interval is where these two bets have not won
        found = sequential.mean_difference(every[0, :look])
        assert found.low <= truth <= found.high


def test_a_large_loss_is_found_long_before_the_end():
    every = draws(0.5, 0.0, cases=200, repeats=100)

    first = [np.flatnonzero(sequential.capital(-one, 0.0) >= 520)[0] + 1 for one in every]

    assert np.median(first) <= 40


def test_capital_on_outcomes_is_the_likelihood_ratio_of_the_discordant_pairs():
    lost, gained = 9, 2
    differences = np.repeat([-1.0, 1.0, 0.0], [lost, gained, 30])
    shares = np.linspace(0, 1, 20_001)[1:-1]
    expected = np.mean((1 + shares) ** lost * (1 - shares) ** gained)

    assert sequential.capital(-differences, 0.0)[-1] == pytest.approx(expected, rel=0.01)


def test_the_low_end_and_the_bet_against_a_margin_agree():
    for lost in range(4):
        differences = np.repeat([-1.0, 0.0], [lost, 200 - lost])
        shown = sequential.capital(differences, -0.05).max() >= 40
        assert (sequential.mean_difference(differences).low > -0.05) == shown


@pytest.mark.parametrize(("lost", "gained"), [(6, 1), (12, 3), (1, 8)])
def test_each_end_is_where_a_bet_has_made_forty_of_one(lost, gained):
    """2.5 % on either side, and not a bet of twenty to one, which is 5 %."""
    differences = np.random.default_rng(0).permutation(
        np.repeat([-1.0, 1.0, 0.0], [lost, gained, 60])
    )

    found = sequential.mean_difference(differences)

    assert sequential.capital(differences, found.low).max() == pytest.approx(40, rel=1e-3)
    assert sequential.capital(-differences, -found.high).max() == pytest.approx(40, rel=1e-3)


@pytest.mark.parametrize("wrong", [[0.5, 2.0], [[0.0]], [float("nan")]])
def test_what_is_no_difference_is_refused(wrong):
    with pytest.raises(ValueError, match="one number in"):
        sequential.capital(wrong, 0.0)
    with pytest.raises(ValueError, match="lies in"):
        sequential.capital([0.0], -1.0)
    with pytest.raises(ValueError, match="at least 2 cases"):
        sequential.mean_difference([1.0])
