import numpy as np
import pytest
import torch

from lewm.adapter import load_model
from lewm.pretrained import bundled
from lewm.pretrained.recipe import POLICIES
from tests.benchmarks.fast_lewm_drift import LONGEST, held_out, measure, windows
from tests.benchmarks.fast_lewm_time import in_turn, median_interval


def test_drift_is_nothing_for_an_oracle_and_one_for_a_model_that_stands_still():
    model = load_model(bundled("two_room"))
    episodes = held_out([POLICIES[0][0]], 2, seed=5)

    def oracle(z: torch.Tensor, blocks: torch.Tensor, at: int) -> torch.Tensor:
        return z[:, at + 1 : at + 1 + LONGEST]

    def still(z: torch.Tensor, blocks: torch.Tensor, at: int) -> torch.Tensor:
        return z[:, at : at + 1].expand(-1, LONGEST, -1)

    perfect = measure(model, episodes, oracle, episodes)
    motionless = measure(model, episodes, still, episodes)

    assert windows(episodes) == 8
    assert not perfect.error.any()
    assert perfect.px.max() < 1e-9
    np.testing.assert_allclose(motionless.error, motionless.still)
    assert motionless.px.mean() > 10


@pytest.mark.parametrize(("num", "rank"), [(15, 3), (6, 0), (25, 7)])
def test_the_interval_of_a_median_is_the_tightest_pair_of_ranks_that_holds_95_percent(num, rank):
    values = np.random.default_rng(0).permutation(num).astype(float)
    middle, low, high = median_interval(values)
    assert (middle, low, high) == (np.median(values), rank, num - 1 - rank)


def test_works_are_timed_in_turn_and_the_first_round_does_not_count():
    seen: list[tuple[str, int]] = []
    works = {name: lambda run, name=name: seen.append((name, run)) for name in "ab"}
    seconds = in_turn(works, 2)
    assert seen == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert [len(values) for values in seconds.values()] == [2, 2]
