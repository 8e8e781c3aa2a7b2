"""Intervals hold a known truth about as often as they say; `docs/audit-validity.md` has it all."""

import pytest

from tests.benchmarks import coverage
from tests.benchmarks.coverage_populations import POPULATIONS

FEW = {"statistic": 40}
"""Audits by kind, where they are slow."""
QUICK = [
    next(one for one in POPULATIONS if one.kind == kind)
    for kind in dict.fromkeys(one.kind for one in POPULATIONS)
]


@pytest.mark.parametrize("population", QUICK, ids=lambda one: one.kind)
def test_every_kind_of_interval_holds_the_truth_about_as_often_as_it_says(population):
    found = coverage.covered(population, FEW.get(population.kind, 150))

    assert found.held >= 0.87  # of 150 audits of an interval that holds 93 %, 1 set in 100 is below
    assert found.without == 0


@pytest.mark.parametrize(("episodes", "rate"), coverage.THRESHOLDS)
def test_at_most_one_threshold_in_twenty_alarms_more_often_than_stated(episodes, rate):
    assert coverage.thresholds_above(episodes, rate, 4000) < 0.058


def test_an_interval_that_says_too_little_doubt_misses_its_bar():
    sure = coverage.Coverage(held=0.9, too_low=0.1, too_high=0, width=0.1, resampled=1, without=0)

    assert "at least 93%" in sure.missed(POPULATIONS[0])


@pytest.mark.slow
@pytest.mark.parametrize("population", POPULATIONS, ids=lambda one: one.name)
def test_every_interval_holds_the_truth_at_the_sizes_of_the_profiles(population):
    found = coverage.covered(population, 1000, seed=1)

    assert found.held >= coverage.AT_LEAST - 0.015
    if population.is_capped and found.resampled == 1:
        assert found.held <= coverage.AT_MOST + 0.015
