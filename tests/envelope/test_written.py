"""What we write faster than a library is what the library writes."""

import json

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from envelope.cli.files import as_stored, file_bytes
from envelope.strict import canonical, indented
from tests.golden.make import PRESENT

floats = st.floats(allow_nan=False, allow_infinity=False)
small = st.floats(-1e3, 1e3).map(lambda number: float(f"{number:.7g}"))
integers = st.integers(-(2**53) + 1, 2**53 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
columns = st.one_of(
    st.lists(kind, max_size=6)
    for kind in (small, small | st.none(), floats, integers, st.booleans(), texts)
)
values = st.recursive(
    st.none() | st.booleans() | floats | integers | texts | columns,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(values)
def test_the_canonical_form_is_that_of_the_library(value):
    assert canonical(value) == rfc8785.dumps(value)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(values)
def test_the_indented_form_is_that_of_python(value):
    assert indented(value) == (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()


@pytest.mark.parametrize(
    "numbers",
    [[0.0, -0.0, 1.0], [10.0, 1.5, -100.0], [1e21, 1e-7], [1e16], [-0.05, None]],
)
def test_columns_of_numbers_are_written_as_ecmascript_does(numbers):
    assert canonical(numbers) == rfc8785.dumps(numbers)


@pytest.mark.parametrize(
    "value",
    [[1.0, float("nan")], [float("inf")], [1, 2**53], ["\ud800"], {"\ud800": 1}],
)
def test_no_list_hides_what_has_no_canonical_form(value):
    with pytest.raises(ValueError):  # noqa: PT011 - the library's message is its own
        canonical(value)


def test_a_record_read_back_is_written_the_same():
    measurements = PRESENT.read_measurements()

    once = file_bytes(measurements)

    assert file_bytes(as_stored(measurements, once)) == once
