"""JSON is read in one way or refused, with the place that is wrong."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envelope.errors import BadFile, EnvelopeError
from envelope.strict import MAX_DEPTH, MAX_INTEGER, canonical, json_marks, load_json

BAD = Path(__file__).parents[1] / "bad" / "strict"
REFUSED = {
    "duplicate_key": "2:2: key 'threshold' appears twice (first at line 1, column 2)",
    "case_variant_key": "2:2: keys 'subject' (line 1, column 2) and 'Subject' differ only in case",
    "case_variant_beyond_ascii": "2:3: keys 'straße' (line 1, column 13) and 'STRASSE' differ",
    "nan": "2:15: NaN is not a number",
    "infinity": "2:3: -Infinity is not a number",
    "overflow": "1:11: '1e999' is too large for a number",
    "number_with_letters": "1:11: '1e999' is too large",
    "inexact_integer": "1:10: '9007199254740993' is beyond 9007199254740991",
    "five_thousand_digits": "1:10: ",
    "too_deep": "2:64: nested more than 64 levels deep",
    "byte_order_mark": "1:1: begins with a byte order mark",
    "not_utf8": "2:6: byte 0xe9 is not UTF-8",
    "lone_surrogate": "1:1: holds half of a surrogate pair",
    "top_level_list": "1:1: holds a list where an object {...} belongs",
    "trailing_comma": ": not JSON: ",
    "two_objects": "2:1: not JSON: Extra data",
    "empty": "1:1: not JSON: ",
}
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abcdé0.", min_size=1), inner),
    max_leaves=12,
)


def test_every_bad_file_has_an_expectation():
    assert {path.stem for path in BAD.glob("*.json")} == set(REFUSED)


@pytest.mark.parametrize("defect", REFUSED)
def test_a_bad_file_is_refused_with_its_place(defect):
    data = (BAD / f"{defect}.json").read_bytes()

    with pytest.raises(BadFile) as refusal:
        load_json(data, "evidence.json")

    assert refusal.value.problem.startswith("evidence.json:")
    assert REFUSED[defect] in refusal.value.problem
    assert refusal.value.exit_status == 2


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.dictionaries(st.text("abcdé0.", min_size=1), json_values))
def test_whatever_json_writes_is_read_back(value):
    assert load_json(json.dumps(value).encode(), "x") == value
    assert load_json(json.dumps(value, ensure_ascii=False, indent=1).encode(), "x") == value


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.dictionaries(st.text("abcdé0.", min_size=1), json_values))
def test_the_canonical_form_is_a_fixed_point(value):
    once = canonical(value)

    assert canonical(load_json(once, "x")) == once


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text('{}[]:,"\\ \nau1e9-.NnI', max_size=40) | st.binary(max_size=40))
def test_any_bytes_are_read_or_refused_but_never_crash(text):
    data = text.encode() if isinstance(text, str) else text
    try:
        value = load_json(data, "x")
    except EnvelopeError:
        return
    assert value == json.loads(data)


def test_the_largest_exact_integer_and_the_deepest_nesting_are_accepted():
    deepest = b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1)

    for seed in (MAX_INTEGER, -MAX_INTEGER):
        read = load_json(b'{"seed": %d}' % seed, "x")["seed"]
        assert (read, type(read)) == (seed, int)
    assert load_json(b'{"a": %b}' % deepest, "x")["a"] == json.loads(deepest)


def test_brackets_inside_texts_do_not_count_as_nesting():
    text = '[{"' * 200

    assert load_json(json.dumps({"a": text}).encode(), "x") == {"a": text}


def test_a_file_above_the_cap_is_refused_before_it_is_parsed():
    with pytest.raises(BadFile, match=r"has 9 bytes; at most 8 are read"):
        load_json(b"not json!", "x", max_bytes=8)


def test_keys_that_differ_in_case_are_accepted_where_keys_are_data_but_never_twice():
    assert load_json(b'{"w": 1, "W": 2}', "x", case_variants=True) == {"w": 1, "W": 2}
    with pytest.raises(BadFile, match="'w' appears twice"):
        load_json(b'{"w": 1, "w": 1}', "x", case_variants=True)


def test_marks_say_where_keys_and_items_stand():
    marks = json_marks(b'{"a": {"b": [1,\n  {"c": "\\"]"}]},\n "d": null}')

    assert marks == {
        "a": (1, 2),
        "a.b": (1, 8),
        "a.b.0": (1, 14),
        "a.b.1": (2, 3),
        "a.b.1.c": (2, 4),
        "d": (3, 2),
    }


def test_a_large_float_in_canonical_form_is_read_back_as_a_float():
    data = canonical({"a": 1e20, "b": -(2.0**53), "c": 5.0})

    assert data == b'{"a":100000000000000000000,"b":-9007199254740992,"c":5}'
    assert [type(value) for value in load_json(data, "x").values()] == [float, float, int]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, {1: "a"}, {"a": object()}])
def test_what_json_cannot_hold_exactly_has_no_canonical_form(value):
    with pytest.raises(ValueError):  # noqa: PT011 - the library's message is its own
        canonical(value)
