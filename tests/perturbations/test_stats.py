import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envelope.errors import EnvelopeError
from perturbations.statistics import stats


def test_clopper_pearson_agrees_with_published_limits():
    found = stats.clopper_pearson(2, 20)

    assert (found.low, found.high) == pytest.approx((0.01235, 0.31698), abs=1e-5)


@pytest.mark.parametrize(("successes", "bound"), [(0, (0.0, 0.0582)), (62, (0.9422, 1.0))])
def test_clopper_pearson_keeps_doubt_when_all_or_none_succeed(successes, bound):
    found = stats.clopper_pearson(successes, 62)

    assert (found.low, found.high) == pytest.approx(bound, abs=2e-3)


@given(n=st.integers(2, 300), data=st.data())
def test_clopper_pearson_ends_are_where_the_binomial_tail_is_a_fortieth(n, data):
    from scipy.special import bdtr, bdtrc

    k = data.draw(st.integers(0, n))
    found = stats.clopper_pearson(k, n)

    if k > 0:
        assert bdtrc(k - 1, n, found.low) == pytest.approx(0.025, rel=1e-6)
    if k < n:
        assert bdtr(k, n, found.high) == pytest.approx(0.025, rel=1e-6)


def test_one_episode_has_no_interval():
    with pytest.raises(ValueError, match="at least 2 episodes"):
        stats.clopper_pearson(1, 1)


def _pairs(both, only_first, only_second, neither):
    first = [1] * (both + only_first) + [0] * (only_second + neither)
    second = [1] * both + [0] * only_first + [1] * only_second + [0] * neither
    return first, second


@pytest.mark.parametrize(
    ("table", "expected"),
    [  # Newcombe 1998, table III, method 10
        ((36, 12, 2, 0), (0.0569, 0.3404)),
        ((30, 0, 0, 0), (-0.1135, 0.1135)),
        ((0, 30, 0, 0), (0.8395, 1.0)),
    ],
)
def test_paired_difference_agrees_with_newcombes_method_10(table, expected):
    found = stats.paired_difference(*_pairs(*table))

    assert (found.low, found.high) == pytest.approx(expected, abs=2e-3)


def _coverage(num_cases, shares, repeats, seed):
    """How often the interval holds the true difference, for a table of four shares."""
    rng = np.random.default_rng(seed)
    truth = shares[1] - shares[2]
    tables = rng.multinomial(num_cases, shares, size=repeats)
    distinct, counts = np.unique(tables, axis=0, return_counts=True)
    held = 0
    for table, count in zip(distinct, counts, strict=True):
        found = stats.paired_difference(*_pairs(*table))
        held += count * (found.low <= truth <= found.high)
    return held / repeats


@pytest.mark.parametrize("shares", [(0.6, 0.2, 0.05, 0.15), (0.85, 0.1, 0.02, 0.03)])
def test_paired_difference_holds_the_truth_about_as_often_as_it_says(shares):
    assert 0.93 <= _coverage(60, shares, repeats=600, seed=0) <= 0.99


@pytest.mark.slow
@pytest.mark.parametrize("num_cases", [30, 70, 150])
@pytest.mark.parametrize("correlation", [0.0, 0.5])
@pytest.mark.parametrize(("one", "other"), [(0.9, 0.9), (0.9, 0.7), (0.6, 0.3), (0.95, 0.05)])
def test_paired_difference_covers_over_the_whole_field(num_cases, correlation, one, other):
    spread = np.sqrt(one * (1 - one) * other * (1 - other))
    both = min(one * other + correlation * spread, one, other)
    shares = np.clip((both, one - both, other - both, 1 - one - other + both), 0, 1)
    shares /= shares.sum()

    assert _coverage(num_cases, shares, repeats=4000, seed=1) >= 0.92


def test_one_of_fifteen_against_none_is_no_finding():
    first, second = [1] + [0] * 14, [0] * 15
    found = stats.paired_difference(first, second)

    assert found.low < 0 < found.high
    assert stats.mcnemar(first, second) == 1.0


@pytest.mark.parametrize(
    ("only_first", "only_second", "expected"),
    [(31, 0, 9.313e-10), (28, 0, 7.451e-9), (3, 3, 1.0), (0, 0, 1.0), (8, 1, 0.0390625)],
)
def test_mcnemar_is_exact(only_first, only_second, expected):
    found = stats.mcnemar(*_pairs(20, only_first, only_second, 7))

    assert found == pytest.approx(expected, rel=1e-3)


def test_holm_adjusts_as_in_the_worked_example():
    assert stats.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values):
    adjusted = stats.holm(p_values)

    assert all(new >= old for new, old in zip(adjusted, p_values, strict=True))
    by_p = [new for _, new in sorted(zip(p_values, adjusted, strict=True))]
    assert by_p == sorted(by_p)


@pytest.mark.parametrize(("rate", "needed"), [(0.05, 59), (0.01, 299), (0.1, 29), (0.2, 14)])
def test_a_rate_that_the_episodes_cannot_support_is_refused_with_the_number_needed(rate, needed):
    with pytest.raises(EnvelopeError, match=f"smallest number that can is {needed}"):
        stats.conformal_threshold(np.arange(needed - 1.0), rate)

    assert stats.conformal_threshold(np.arange(needed * 1.0), rate) == needed - 1


@pytest.mark.parametrize("episodes", [59, 100, 200])
def test_at_most_one_threshold_in_twenty_alarms_more_often_than_stated(episodes):
    rng = np.random.default_rng(0)
    thresholds = [stats.conformal_threshold(rng.uniform(size=episodes), 0.05) for _ in range(4000)]

    too_often = np.mean([1 - threshold > 0.05 for threshold in thresholds])

    assert 0.02 < too_often < 0.056


def test_a_score_that_is_not_a_number_calibrates_nothing():
    with pytest.raises(ValueError, match="not finite"):
        stats.conformal_threshold([0.0, float("nan")] * 20, 0.05)
