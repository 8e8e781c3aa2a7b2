"""A candidate is held to how far it may look ahead, not to how small its error is."""

import numpy as np
import pytest

from perturbations.migration import horizon

LIMIT = 0.5
HORIZON = 5
EPISODES = 120


def parts(rng, ratios, episodes=EPISODES):
    """Errors and motion by episode and horizon; `ratios` are the true ones."""
    still = rng.gamma(2.0, 0.5, (episodes, 1)) * np.arange(1, HORIZON + 1)
    return still * ratios * rng.gamma(4.0, 1 / 4, (episodes, HORIZON)), still


def compared(candidate, base, *, seed=0, episodes=EPISODES):
    rng = np.random.default_rng(seed)
    both = (parts(rng, np.asarray(ratios), episodes) for ratios in (candidate, base))
    return horizon.compare({"horizon": HORIZON}, *both, limit=LIMIT)


def test_a_horizon_is_usable_up_to_the_first_ratio_beyond_the_limit():
    ratios = np.array([[0.1, 0.2, 0.6, 0.2, 0.1], [0.1] * 5, [0.9, 0.1, 0.1, 0.1, 0.1]])

    assert horizon.usable_share(ratios, LIMIT).tolist() == [0.4, 1.0, 0.0]


@pytest.mark.parametrize("candidate", [0.02, 0.1, 0.3])
def test_a_smaller_error_is_no_gain_and_a_larger_one_within_the_limit_no_loss(candidate):
    found = compared([candidate] * 5, [0.1] * 5)

    assert (found.difference.low, found.difference.high) == (0, 0)
    assert found.p_worse == 1


def test_a_candidate_whose_error_passes_the_limit_on_the_way_lost_the_rest():
    found = compared([0.1, 0.2, 0.8, 0.8, 0.8], [0.1] * 5)

    assert found.difference.value == pytest.approx(-0.6)
    assert found.difference.high < -0.05
    assert found.p_worse < 0.002
    assert "candidate 0.4, base 1 of the planner's horizon" in found.note


def test_a_base_that_was_of_no_use_is_not_asked_for():
    found = compared([0.1] * 5, [0.9] * 5)

    assert found.difference.low == 1
    assert found.p_worse == 1


def test_equal_arms_at_the_limit_are_called_worse_at_most_once_in_twenty():
    at_the_limit = [0.1, 0.2, 0.3, 0.4, LIMIT]
    found = [compared(at_the_limit, at_the_limit, seed=seed) for seed in range(200)]

    assert np.mean([one.p_worse <= 0.05 for one in found]) <= 0.05


def test_the_number_of_episodes_that_would_decide_is_about_right():
    candidate, base = [0.1, 0.2, 0.3, 0.4, 0.58], [0.1] * 5
    few = [compared(candidate, base, seed=seed, episodes=20) for seed in range(40)]
    needed = int(np.median([one.needed for one in few if one.needed]))

    many = [compared(candidate, base, seed=seed, episodes=needed) for seed in range(40)]

    assert np.mean([one.difference.high < 0 for one in few]) < 0.6
    assert np.mean([one.difference.high < 0 for one in many]) > 0.6


def test_latents_that_never_move_have_no_horizon():
    still = np.zeros((20, HORIZON))

    found = horizon.compare({}, (still, still), (still, still + 1), limit=LIMIT)

    assert (found.difference, found.p_worse) == (None, 1)
    assert "never moves" in found.note


def test_nine_episodes_are_too_few():
    assert compared([0.1] * 5, [0.1] * 5, episodes=9).difference is None
