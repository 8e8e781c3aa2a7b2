"""One cell of many fails a claim only beyond what chance gives the most extreme of them."""

import pytest

from envelope.claims.many import among
from envelope.records import Estimate
from perturbations.statistics.stats import clopper_pearson
from tests.envelope.builders import measurements
from tests.envelope.judging import claim_of, replaced, with_interval


def test_one_cell_keeps_its_interval_and_one_of_many_has_a_wider_one():
    one = Estimate(value=0.3, low=0.2, high=0.35, episodes=50, interval="bootstrap", seed=1)

    assert (among(one, 1).low, among(one, 1).high) == pytest.approx((0.2, 0.35))
    # 0.025 / 20 lies 3.0233 standard deviations out, 0.025 lies 1.95996.
    assert among(one, 20).low == pytest.approx(0.3 - 0.1 * 3.0233 / 1.95996, abs=1e-4)
    assert among(one, 20).high == pytest.approx(0.3 + 0.05 * 3.0233 / 1.95996, abs=1e-4)


@pytest.mark.parametrize("num", [4, 30, 150])
@pytest.mark.parametrize(("episodes", "limit"), [(80, 0.2), (150, 0.2), (400, 0.2)])
def test_of_so_many_rates_at_the_limit_none_lies_beyond_it_in_most_audits(num, episodes, limit):
    beyond = [
        hits
        for hits in range(episodes + 1)
        if among(clopper_pearson(hits, episodes), num).low > limit
    ]

    # The chance of as many hits or more is at most the tail that the exact interval leaves.
    chance = _tail(min(beyond), episodes, limit)

    assert num * chance <= 0.025


def _tail(hits, episodes, rate):
    from scipy import special

    return float(special.bdtrc(hits - 1, episodes, rate))


@pytest.mark.parametrize(
    ("low", "verdict"), [(0.12, "unknown"), (0.3, "fails")], ids=["by_chance", "surely"]
)
def test_a_class_fails_by_a_cell_that_is_surely_beyond_the_limit(low, verdict):
    of_four = with_interval(low, 0.4, 0.5)
    changed = replaced("nuisance_shift/success_drop", of_four, nuisance="background.color")

    claim = claim_of(changed, "nuisance.background.color")

    assert claim.verdict == verdict, claim.reason
    if verdict == "unknown":
        assert "one of 4 cells may come so far by chance" in claim.reason


@pytest.mark.parametrize(
    ("high", "verdict"), [(0.73, "unknown"), (0.65, "fails")], ids=["by_chance", "surely"]
)
def test_goal_offsets_fail_by_one_that_is_surely_below_the_limit(high, verdict):
    changed = replaced(
        "horizon_drift/success_by_offset",
        with_interval(0.5, 0.6, high),
        measurements(),
        goal_offset_env_steps=35,
    )

    assert claim_of(changed, "drift.goal_offset").verdict == verdict
