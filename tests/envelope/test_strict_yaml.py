"""YAML is read in the part that means the same to everyone."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envelope.errors import BadFile, EnvelopeError
from envelope.strict import load_yaml

BAD = Path(__file__).parents[1] / "bad" / "strict"
REFUSED = {
    "alias_bomb": "1:4: anchor &a is not accepted",
    "alias": "2:4: alias *a is not accepted",
    "anchored_key": "2:1: anchor &k is not accepted",
    "tag": "1:6: tag 'tag:yaml.org,2002:python/object/apply:os.system' is not accepted",
    "number_by_tag": "1:8: tag 'tag:yaml.org,2002:float' is not accepted",
    "merge_key": "2:1: merge key << is not accepted",
    "two_documents": "2:1: a second document begins here",
    "duplicate_key": "3:1: key 'horizon' appears twice (first at line 1, column 1)",
    "duplicate_key_quoted": "2:1: key 'horizon' appears twice",
    "case_variant_key": "3:3: keys 'Horizon' (line 2, column 3) and 'horizon' differ only in case",
    "list_as_key": "1:3: a key must be a word",
    "nan": "1:12: .NaN is not a number",
    "infinity": "2:5: -.inf is not a number",
    "overflow": "1:12: '1e999' is too large for a number",
    "inexact_integer": "1:7: '9007199254740993' is beyond",
    "top_level_list": "1:1: holds a list where a mapping belongs",
    "top_level_text": "1:1: holds a text where a mapping belongs",
    "empty": "is empty where a mapping belongs",
    "unclosed_list": "2:2: not YAML: ",
    "tab_indent": "2:1: not YAML: ",
    "control_character": "2:4: not YAML: ",
    "escape_beyond_unicode": "not YAML: ",
    "lone_surrogate": "1:4: holds half of a surrogate pair",
    "huge_version": "not YAML: ",
    "too_deep": "1:67: nested more than 64 levels deep",
}


def value_of(text: str) -> object:
    return load_yaml(f"key: {text}\n".encode(), "x")[0]["key"]


def test_every_bad_file_has_an_expectation():
    assert {path.stem for path in BAD.glob("*.yaml")} == set(REFUSED)


@pytest.mark.parametrize("defect", REFUSED)
def test_a_bad_file_is_refused_with_its_place(defect):
    data = (BAD / f"{defect}.yaml").read_bytes()

    with pytest.raises(BadFile) as refusal:
        load_yaml(data, "deploy.yaml")

    assert refusal.value.problem.startswith("deploy.yaml:")
    assert REFUSED[defect] in refusal.value.problem


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-5", -5),
        ("0.9", 0.9),
        ("1e3", 1000.0),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("[1, {a: b}]", [1, {"a": "b"}]),
        ("two-room", "two-room"),
        ("'5'", "5"),
        ('"true"', "true"),
    ],
)
def test_plainly_written_values_are_what_they_look_like(text, value):
    found = value_of(text)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "yes",
        "on",
        "off",
        "y",
        "n",
        "True",
        "FALSE",
        "Null",
        "010",
        "0x1f",
        "0o17",
        "1_000",
        "+5",
        ".5",
        "5.",
        "12:30:00",
        "2026-11-21",
        "2026-11-21T00:00:00Z",
        "1.10.1",
        "=",
        "1e",
        "0b1",
    ],
)
def test_what_yaml_versions_disagree_about_stays_text(text):
    assert value_of(text) == text


def test_keys_are_texts_whatever_they_look_like():
    assert load_yaml(b"no: 1\n10: 2\ntrue: 3\n", "x")[0] == {"no": 1, "10": 2, "true": 3}


def test_marks_say_where_keys_and_items_stand():
    _, marks = load_yaml(b"a:\n  b.c: 1\n  d:\n    - x\n    - {e: f}\n", "x")

    assert marks == {
        "a": (1, 1),
        "a.b.c": (2, 3),
        "a.d": (3, 3),
        "a.d.0": (4, 7),
        "a.d.1": (5, 7),
        "a.d.1.e": (5, 8),
    }


def test_a_file_above_the_cap_is_refused():
    with pytest.raises(BadFile, match="at most 4 are read"):
        load_yaml(b"a: 10", "x", max_bytes=4)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text("ab:-?{}[],&*!|>'\"%@# \n\t\\xU01e.", max_size=30) | st.binary(max_size=20))
def test_any_bytes_are_read_or_refused_but_never_crash(text):
    try:
        value, marks = load_yaml(text.encode() if isinstance(text, str) else text, "x")
    except EnvelopeError:
        return
    assert isinstance(value, dict)
    assert set(value) <= set(marks)
