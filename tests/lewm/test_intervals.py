import numpy as np
import pytest
from scipy.stats import binom

from lewm.evaluation.intervals import exact, over_episodes


def test_the_exact_interval_leaves_the_stated_doubt_on_both_sides():
    found = exact(44, 50)
    assert binom.sf(43, 50, found.low) == pytest.approx(0.025, rel=1e-6)
    assert binom.cdf(44, 50, found.high) == pytest.approx(0.025, rel=1e-6)


def test_cases_of_one_episode_count_as_one():
    values = np.repeat(np.random.default_rng(0).random(40) < 0.5, 5).astype(float)
    apart = over_episodes(values, np.arange(200))
    together = over_episodes(values, np.repeat(np.arange(40), 5))

    assert apart.value == together.value == values.mean()
    assert (together.high - together.low) / (apart.high - apart.low) == pytest.approx(
        np.sqrt(5), rel=0.15
    )


def test_an_interval_around_what_never_failed_has_a_width():
    found = over_episodes(np.ones(30), np.repeat(np.arange(10), 3))
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == exact(10, 10).low
    assert found.kind == "clopper_pearson"


@pytest.mark.parametrize("value", [-1.0, 0.0, 1.0])
def test_differences_that_never_vary_have_the_interval_of_their_mirror_image(value):
    found = over_episodes(np.full(9, value), np.arange(9), signed=True)
    mirrored = over_episodes(np.full(9, -value), np.arange(9), signed=True)
    assert found.low <= found.value == value <= found.high
    assert found.high - found.low > 0.3
    assert (mirrored.low, mirrored.high) == (-found.high, -found.low)


def test_the_bootstrap_is_seeded():
    values, episodes = np.random.default_rng(1).random(50), np.arange(50)
    assert over_episodes(values, episodes) == over_episodes(values, episodes)
    assert over_episodes(values, episodes) != over_episodes(values, episodes, seed=1)
