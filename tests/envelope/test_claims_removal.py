"""Removing evidence can only weaken a verdict, never strengthen it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envelope.claims import ClaimSet, make_claims
from envelope.criteria import default_criteria
from envelope.records import Measurements
from tests.envelope.builders.searching import pressed, run_with
from tests.envelope.judging import replaced, with_interval

SEARCHES = (
    pressed("num_samples_times_4", num_samples=800),
    pressed("num_samples_by_4", num_samples=50, drop=0.3),
    pressed("iterations_times_3", iterations=30),
    pressed("iterations_by_2", iterations=5),
    pressed("replan_every_block", execute_blocks=1),
    pressed("replan_halfway", execute_blocks=3, drop=0.3),
    pressed("replan_a_block_sooner", execute_blocks=4),
    pressed("budget_times_2", budget_env_steps=100),
)
BASE = run_with(*SEARCHES)
BEFORE = make_claims(BASE, default_criteria())
OFFSET = "conventions.goal_offset_env_steps"
NEAR_AND_FAR = replaced(
    "horizon_drift/success_by_offset",
    with_interval(0.8, 0.86, 0.9),
    BASE,
    goal_offset_env_steps=35,
)
"""The farthest goal is reached as well."""


def assert_not_stronger(after: ClaimSet) -> None:
    before = {claim.id: claim.verdict for claim in BEFORE.claims}
    for claim in after.claims:
        assert claim.verdict in (before[claim.id], "unknown"), claim.id
    for name, scope in after.nuisance.items():
        was = BEFORE.nuisance[name].admitted
        assert was.low <= scope.admitted.low <= scope.admitted.high <= was.high, name
    for axis, admitted in after.planner_admitted.items():
        was = BEFORE.planner_admitted[axis]
        assert was.low <= admitted.low <= admitted.high <= was.high
    for monitor in after.monitors:
        was_monitor = next(one for one in BEFORE.monitors if one.name == monitor.name)
        assert set(monitor.blind_spots) <= set(was_monitor.blind_spots)


def without(base: Measurements, field: str, places: set[int]) -> Measurements:
    kept = [one for i, one in enumerate(getattr(base, field)) if i not in places]
    return base.model_copy(update={field: kept})


@settings(max_examples=25, deadline=None)
@given(place=st.integers(0, len(BASE.cells) - 1))
def test_dropping_a_cell_strengthens_nothing(place):
    assert_not_stronger(make_claims(without(BASE, "cells", {place}), default_criteria()))


@settings(max_examples=25, deadline=None)
@given(place=st.integers(0, len(BASE.summaries) - 1))
def test_dropping_a_summary_strengthens_nothing(place):
    assert_not_stronger(make_claims(without(BASE, "summaries", {place}), default_criteria()))


@pytest.mark.parametrize("place", range(len(BASE.monitors)))
def test_dropping_a_monitor_strengthens_nothing(place):
    assert_not_stronger(make_claims(without(BASE, "monitors", {place}), default_criteria()))


@pytest.mark.parametrize("name", [str(one.condition["pressure"]) for one, _ in SEARCHES])
def test_dropping_a_search_with_all_that_is_said_of_it_strengthens_nothing(name):
    left = BASE.model_copy(
        update={
            "cells": [one for one in BASE.cells if one.condition.get("pressure") != name],
            "summaries": [one for one in BASE.summaries if one.condition.get("pressure") != name],
        }
    )

    assert_not_stronger(make_claims(left, default_criteria()))


@pytest.mark.parametrize("offset", [15, 35])
@pytest.mark.parametrize("base", [BASE, NEAR_AND_FAR], ids=["one_fails", "all_kept"])
def test_dropping_a_goal_offset_with_all_that_is_said_of_it_strengthens_nothing(base, offset):
    left = base.model_copy(
        update={
            field: [
                one
                for one in getattr(base, field)
                if one.condition.get("goal_offset_env_steps") != offset
            ]
            for field in ("cells", "summaries")
        }
    )

    after = make_claims(left, default_criteria())

    claim = next(one for one in after.claims if one.id == "drift.goal_offset")
    assert claim.verdict == "unknown"
    assert f"goal offset {offset} was planned" in claim.reason
    assert OFFSET not in after.planner_admitted


@settings(max_examples=25, deadline=None)
@given(
    place=st.integers(0, len(BASE.summaries) - 1),
    widening=st.floats(0.001, 1.0),
    share=st.floats(0.05, 1.0),
)
def test_fewer_episodes_and_so_a_wider_interval_strengthens_nothing(place, widening, share):
    one = BASE.summaries[place]
    if one.estimate is None:
        return
    estimate = one.estimate.model_copy(
        update={
            "low": one.estimate.low - widening,
            "high": one.estimate.high + widening,
            "episodes": max(2, int(one.estimate.episodes * share)),
        }
    )
    summaries = list(BASE.summaries)
    summaries[place] = one.model_copy(update={"estimate": estimate})

    assert_not_stronger(
        make_claims(BASE.model_copy(update={"summaries": summaries}), default_criteria())
    )


@settings(max_examples=15, deadline=None)
@given(
    cells=st.sets(st.integers(0, len(BASE.cells) - 1), max_size=100),
    summaries=st.sets(
        st.sampled_from(
            [
                i
                for i, one in enumerate(BASE.summaries)
                # A drop and its cell gone together is a cell that was never run.
                if one.quantity not in ("success_drop", "success_by_offset")
            ]
        ),
        max_size=300,
    ),
)
def test_dropping_much_at_once_strengthens_nothing(cells, summaries):
    left = without(without(BASE, "cells", cells), "summaries", summaries)

    assert_not_stronger(make_claims(left, default_criteria()))
