import numpy as np
import pytest

from perturbations.statistics import bootstrap


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    values = np.random.default_rng(0).exponential(size=(2, 40))

    one = bootstrap.ratio_of_sums(*values, seed=1)

    assert one == bootstrap.ratio_of_sums(*values, seed=1)
    assert one.low != bootstrap.ratio_of_sums(*values, seed=2).low


def test_values_are_plain_statistics_of_the_episodes():
    over, under = np.arange(1.0, 13.0), np.full(12, 4.0)

    assert bootstrap.ratio_of_sums(over, under, seed=0).value == pytest.approx(78 / 48)
    assert bootstrap.median_ratio(over, under, seed=0).value == pytest.approx(6.5 / 4)
    assert bootstrap.median(over, seed=0).value == pytest.approx(6.5)


def test_the_interval_of_a_ratio_of_medians_is_not_widened():
    over, under = np.random.default_rng(0).lognormal(size=(2, 24))
    drawn = bootstrap._draws(0, 24)
    ratios = np.median(over[drawn], axis=1) / np.median(under[drawn], axis=1)

    found = bootstrap.median_ratio(over, under, seed=0)

    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(ratios, [0.025, 0.975])))


@pytest.mark.parametrize("num", [10, 11, 24, 41])
def test_medians_of_resamples_are_those_of_the_drawn_values_to_the_last_bit(num):
    rng = np.random.default_rng(num)
    for values in (rng.lognormal(size=num), np.round(rng.normal(size=num))):
        drawn = np.median(values[bootstrap._draws(3, num)], axis=1)

        assert np.array_equal(bootstrap._resampled_medians(values, 3), drawn)


def test_comparisons_won_are_counted_exactly():
    high, low = np.round(np.random.default_rng(0).normal(size=(2, 120)), 1)
    wins = (high[:, None] > low) + 0.5 * (high[:, None] == low)
    drawn = bootstrap._draws(0, 120)
    shares = [wins[np.ix_(one, one)].mean() for one in drawn]
    tail = bootstrap._expanded_tail(120)

    found = bootstrap.auroc(high, low, seed=0)

    assert [found.low, found.high] == list(np.quantile(shares, [tail, 1 - tail]))


def test_few_episodes_have_no_bootstrap_interval():
    assert bootstrap.ratio_of_sums([1.0] * 9, [2.0] * 9, seed=0) is None
    assert bootstrap.auroc([1.0] * 9, [2.0] * 9, seed=0) is None
    assert bootstrap.median([1.0] * 9, seed=0) is None


def test_a_ratio_over_nothing_has_no_value():
    assert bootstrap.ratio_of_sums(np.ones(20), np.zeros(20), seed=0) is None
    assert bootstrap.median_ratio(np.ones(20), np.zeros(20), seed=0) is None


def test_success_without_a_failure_still_has_doubt():
    found = bootstrap.mean_share(np.ones(60), seed=0)

    assert found.interval == "clopper_pearson"
    assert found.low == pytest.approx(0.94, abs=0.005)


def test_auroc_counts_pairs_and_halves_ties():
    unlawful = np.array([1.0, 2.0] * 6)
    lawful = np.array([1.0, 0.0] * 6)

    found = bootstrap.auroc(unlawful, lawful, seed=0)

    assert found.value == pytest.approx((0.5 + 1 + 1 + 1) / 4)


def test_auroc_resamples_twins_together():
    """Clips whose scores share a large common part: the pairing must show in the interval."""
    rng = np.random.default_rng(0)
    weights = bootstrap._counts(0, 30)
    high, low = rng.normal(size=30) + 1, rng.normal(size=30)
    wins = high[:, None] > low[None, :]
    by_hand = [np.repeat(np.arange(30), w.astype(int)) for w in weights[:5]]

    drawn = ((weights[:5] @ wins) * weights[:5]).sum(axis=1) / 900

    assert drawn == pytest.approx([wins[np.ix_(i, i)].mean() for i in by_hand])


def _coverage(draw, estimate, truth, repeats):
    rng = np.random.default_rng(0)
    found = [estimate(*draw(rng)) for _ in range(repeats)]
    return np.mean([f.low <= truth <= f.high for f in found])


def test_ratio_of_sums_holds_the_truth_about_as_often_as_it_says():
    held = _coverage(
        lambda rng: rng.lognormal(0, 0.5, size=(2, 40)),
        lambda over, under: bootstrap.ratio_of_sums(over, under, seed=0),
        truth=1.0,
        repeats=250,
    )
    assert 0.90 <= held <= 0.99


def test_mean_share_over_streams_holds_the_truth_even_close_to_one():
    held = _coverage(
        lambda rng: (rng.binomial(3, rng.choice([0.5, 1.0], p=[0.1, 0.9], size=60)) / 3,),
        lambda shares: bootstrap.mean_share(shares, seed=0),
        truth=0.95,
        repeats=300,
    )
    assert held >= 0.93


def test_the_lower_end_of_a_mean_share_is_seldom_above_the_truth():
    """It is what decides `holds`; failures are few and skewed, as where a model does well."""
    rng = np.random.default_rng(0)
    too_high = [
        bootstrap.mean_share(
            rng.binomial(3, rng.beta(0.93, 0.07, size=150)) / 3,
            seed=0,
        ).low
        > 0.93
        for _ in range(500)
    ]

    assert np.mean(too_high) <= 0.035
