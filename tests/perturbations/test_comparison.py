import numpy as np
import pytest

from perturbations import comparison


def simulated(rng, episodes, *, worse=0.0):
    """Errors and motion of two models over the same episodes; the true ratios are 0.2 and more."""
    hard = rng.gamma(2.0, 0.5, episodes)
    still = hard * rng.gamma(8.0, 1 / 8, episodes)
    base = 0.2 * hard * rng.gamma(4.0, 1 / 4, episodes)
    candidate = (0.2 + worse) * hard * rng.gamma(4.0, 1 / 4, episodes)
    other = hard * rng.gamma(8.0, 1 / 8, episodes)
    return (candidate, other), (base, still)


@pytest.mark.parametrize("worse", [0.0, 0.05])
@pytest.mark.parametrize("episodes", [40, 120])
def test_the_interval_of_a_difference_of_ratios_holds_the_truth(episodes, worse):
    rng = np.random.default_rng(0)

    held = 0
    for _ in range(1000):
        candidate, base = simulated(rng, episodes, worse=worse)
        found = comparison.ratios("d", {}, candidate, base, margin=0.05).difference
        held += found.low <= worse <= found.high

    assert 0.93 <= held / 1000 <= 0.975


def test_equal_ratios_are_called_worse_at_most_once_in_twenty():
    rng = np.random.default_rng(1)

    wrong = [
        comparison.ratios("d", {}, *simulated(rng, 60), margin=0.05).p_worse <= 0.05
        for _ in range(1000)
    ]

    assert np.mean(wrong) <= 0.04


def test_a_model_that_never_moves_has_no_ratio():
    still = np.zeros(20)

    found = comparison.ratios("d", {}, (still, still), (still, still + 1), margin=0.05)

    assert found.difference is None
    assert found.p_worse == 1
    assert "never moves" in found.note


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
