import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envelope.records import Estimate
from reports.svg import TEXT, Label, LogScale, Panel, Scale, _apart, ticks
from reports.words import amount, interval, moment, number, p_value, with_interval

NUMBERS = st.floats(min_value=-1e6, max_value=1e6)


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [
        (0.5, 2, "0.50"),
        (-0.5, 2, "−0.50"),
        (0.0, 3, "0.000"),
        (-0.0, 3, "0.000"),
        (0.00001, 3, "1.00×10^−5"),
        (-3e7, 2, "−3.00×10^7"),
        (-0.0006, 3, "−0.001"),
    ],
)
def test_numbers_have_one_format(value, decimals, expected):
    assert number(value, decimals) == expected


def test_an_estimate_is_never_shown_without_its_interval():
    estimate = Estimate(
        value=0.86, low=0.78, high=0.92, episodes=104, interval="clopper_pearson", seed=0
    )

    assert with_interval(estimate) == "0.86 [0.78, 0.92]"
    assert interval(estimate) == "[0.780, 0.920]"
    assert with_interval(None) == "not measured"


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (1, "frames", "1\u00a0frame"),
        (2, "frames", "2\u00a0frames"),
        (8, "delta_e", "8\u00a0ΔE"),
        (0.5, "1", "0.5"),
    ],
)
def test_amounts_carry_their_unit(value, unit, expected):
    assert amount(value, unit) == expected


def test_small_p_values_are_bounded_and_not_zero():
    assert p_value(1e-9) == "<\u2009.001"
    assert p_value(0.0421) == ".042"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("2026-01-05T10:00:00Z", "5 January 2026, 10:00 UTC"),
        ("2026-01-05T10:00:00+02:00", "5 January 2026, 08:00 UTC"),
        ("2026-01-05T10:00:00", "2026-01-05T10:00:00"),
        ("0001-01-01T00:00:00+10:00", "0001-01-01T00:00:00+10:00"),
        ("soon", "soon"),
    ],
)
def test_times_are_read_in_utc_and_never_in_the_zone_of_the_host(written, shown):
    assert f">{shown}<" in moment(written).markup


@given(low=NUMBERS, span=st.floats(min_value=1e-3, max_value=1e6))
def test_ticks_are_few_ordered_and_inside(low, span):
    found = ticks(low, low + span)

    assert 1 <= len(found) <= 12
    assert found == sorted(found)
    assert all(low - span * 0.01 <= t <= low + span * 1.01 for t in found)


@given(low=NUMBERS, high=NUMBERS, value=NUMBERS)
def test_a_scale_never_leaves_its_ends(low, high, value):
    assert 10.0 <= Scale(low, high, 10.0, 90.0)(value) <= 90.0


@given(st.lists(st.floats(min_value=0, max_value=200), min_size=1, max_size=8))
def test_labels_do_not_touch_and_keep_their_order(wanted):
    heights = _apart(sorted(wanted), 0.0, 200.0)

    gaps = [b - a for a, b in pairwise(heights)]
    assert all(gap >= TEXT - 1e-9 for gap in gaps)
    assert heights[-1] <= 200.0 + 1e-9


def test_a_label_far_outside_its_panel_is_held_inside():
    panel = Panel.at(0, 100, (0.0, 1.0), (0.0, 1.0))

    drawn = panel.margin([Label(panel.y(math.pi), "above")]).markup

    assert 'y="4"' in drawn


def test_a_log_scale_has_powers_of_ten_at_even_distances_and_holds_what_lies_outside():
    scale = LogScale(0.01, 1.0, 200.0, 0.0)

    assert scale.ticks(4) == pytest.approx([0.01, 0.1, 1.0])
    assert [scale(value) for value in (0.01, 0.1, 1.0)] == pytest.approx([200.0, 100.0, 0.0])
    assert (scale(-1.0), scale(5.0)) == (200.0, 0.0)
