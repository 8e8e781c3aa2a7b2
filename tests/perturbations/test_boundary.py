"""The bracket of a nuisance's limit: what it says of known drops, and how often it is right."""

import numpy as np
import pytest

from envelope.claims.evidence import Known
from envelope.claims.nuisance_boundary import boundaries, nearest, words
from envelope.claims.nuisance_points import Conditions, Point
from envelope.records import Estimate, Measurement
from perturbations.statistics import stats

LIMIT = 0.1
STRENGTHS = (0.05, 0.1, 0.2, 0.5, 1.0)
FULL = 90.0


def drop(low, value, high):
    return Estimate(value=value, low=low, high=high, episodes=150, interval="newcombe", seed=0)


def condition(amount, direction="to_red", nominal=0.0):
    return Conditions("background.color", direction, 0.5, amount, "delta_e", nominal)


def point(amount, found, direction="to_red", frames="current"):
    summary = Measurement(
        suite="nuisance_shift", quantity="success_drop", unit="1", condition={}, estimate=found
    )
    return Point(direction, 0.5, amount, frames, "inconclusive", "", Known(summary, found))


def found_in(points, conditions=None, nominal=0.0):
    given = conditions or [condition(one.amount, one.direction, nominal) for one in points]
    return boundaries(points, given, LIMIT)


def test_the_limit_lies_between_what_holds_and_what_fails():
    kept, lost = point(10, drop(-0.02, 0.02, 0.06)), point(30, drop(0.2, 0.3, 0.4))

    (one,) = found_in([lost, kept])

    assert (one.amount.low, one.amount.high, one.is_open) == (10, 30, False)
    assert one.amount.value == pytest.approx(10 + 20 * 0.08 / 0.28)
    assert words(one, "delta_e", 0.0) == "the limit lies at 15.71 [10, 30] ΔE (to red)"


@pytest.mark.parametrize(
    ("nominal", "amount", "said"),
    [(0.0, 4.487, "below 4.487 ΔE"), (90.0, 75.6, "above 75.6 ΔE")],
)
def test_where_nothing_was_kept_no_value_is_read_off_a_line(nominal, amount, said):
    (one,) = found_in([point(amount, drop(0.56, 0.69, 0.78))], nominal=nominal)

    assert words(one, "delta_e", nominal) == f"the limit lies {said} (to red)"


def test_what_is_undecided_lies_inside_the_bracket():
    points = [
        point(10, drop(-0.02, 0.02, 0.06)),
        point(20, drop(0.02, 0.12, 0.2)),
        point(30, drop(0.2, 0.3, 0.4)),
    ]

    (one,) = found_in(points)

    assert (one.amount.low, one.amount.high) == (10, 30)


def test_a_harmless_amount_beyond_a_harmful_one_moves_neither_end():
    points = [point(10, drop(0.2, 0.3, 0.4)), point(30, drop(-0.02, 0.02, 0.06))]

    (one,) = found_in(points)

    assert (one.amount.low, one.amount.high, one.is_open) == (0, 30, True)


def test_where_nothing_fails_the_far_end_is_that_of_the_sweep():
    kept = point(10, drop(-0.02, 0.02, 0.06))

    (one,) = found_in([kept], [condition(10.0), condition(90.0)])

    assert (one.amount.low, one.amount.high, one.is_open) == (10, 90, True)
    assert "or beyond" in words(one, "delta_e", 0.0)


def test_below_nominal_the_ends_are_turned_round():
    points = [
        point(0.9, drop(-0.02, 0.02, 0.06), "darker"),
        point(0.5, drop(0.2, 0.3, 0.4), "darker"),
    ]

    (one,) = found_in(points, nominal=1.0)

    assert (one.amount.low, one.amount.high) == (0.5, 0.9)
    assert 0.5 < one.amount.value < 0.9


def test_directions_and_frames_are_kept_apart_and_the_nearest_limit_counts():
    points = [
        point(10, drop(-0.02, 0.02, 0.06)),
        point(8, drop(0.2, 0.3, 0.4), "to_navy"),
        point(1, drop(0.2, 0.3, 0.4), "to_navy", frames="goal"),
    ]

    found = found_in(points)

    assert [one.direction for one in found] == ["to_red", "to_navy"]
    assert nearest(found, 0.0).direction == "to_navy"
    assert nearest(found, 0.0).amount.high == 8


@pytest.mark.parametrize("reach", [15.0, 40.0, 80.0])
def test_the_bracket_holds_the_true_limit_in_95_of_100_audits(reach):
    """Success falls evenly from 0.95; the true limit is where the drop reaches 0.1."""
    rng, num_audits, num_cases = np.random.default_rng(5), 1000, 150
    amounts = [FULL * strength for strength in STRENGTHS]
    before = rng.random((num_audits, num_cases)) < 0.95
    luck = rng.random((num_audits, num_cases))
    conditions = [condition(amount) for amount in amounts]
    inside = 0
    for audit in range(num_audits):
        points = []
        for amount in amounts:
            lost = luck[audit] < min(1.0, LIMIT * amount / reach) / 0.95
            after = before[audit] & ~lost
            points.append(point(amount, stats.paired_difference(before[audit], after)))
        (one,) = boundaries(points, conditions, LIMIT)
        inside += one.amount.low <= reach <= one.amount.high

    assert inside / num_audits >= 0.93
