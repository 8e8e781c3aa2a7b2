"""Change or delete any field of a deployment that is inside: it is never inside afterwards."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envelope.errors import EnvelopeError
from envelope.verdict_text import text_of
from tests.envelope.judging import changed, checked, nodes, removed, template_data

INSIDE = template_data()
NODES = dict(nodes(INSIDE))

ELSEWHERE = {("envelope",), ("model_state", "checkpoint")}
"""Paths of other files: what is in those files is compared, not what they are called."""
ANY_BATCH = ("planner_scope", "conventions", "solver_batch")
"""Recorded as `any`: every case has its own random stream, so its batch moves nothing."""

CHANGED = [
    path
    for path, value in NODES.items()
    if not isinstance(value, dict | list) and path not in ELSEWHERE and path != ANY_BATCH
]
DELETED = [path for path in NODES if path[0] != "relies_on" or len(path) == 1]
"""Relying on fewer claims stays inside, so single claims are left out."""


def another(value):
    """A value of the same type, far from the one given."""
    return f"{value}-other" if isinstance(value, str) else value + 1000


def status(data):
    """The exit status, whether it is a verdict or an error."""
    try:
        verdict = checked(data)
    except EnvelopeError as error:
        return error.exit_status
    as_json = json.loads(verdict.as_json())
    assert as_json["exit_status"] == verdict.exit_status
    assert text_of(verdict).startswith("INSIDE") == (verdict.exit_status == 0)
    return verdict.exit_status


def test_the_table_covers_every_field_of_the_template():
    assert status(INSIDE) == 0
    assert len(CHANGED) > 50
    assert len(DELETED) > 50


@pytest.mark.parametrize("path", CHANGED, ids=lambda path: ".".join(map(str, path)))
def test_a_changed_field_is_never_inside(path):
    assert status(changed(INSIDE, path, another)) != 0


@pytest.mark.parametrize("path", DELETED, ids=lambda path: ".".join(map(str, path)))
def test_a_deleted_field_is_never_inside(path):
    # Half a range, or a monitor without a name, is no declaration but a mistake.
    is_malformed = path[-1] in ("min", "max", "name") or str(path[-1]).startswith("max_")

    assert status(changed(INSIDE, path, removed)) == (2 if is_malformed else 1)


@pytest.mark.parametrize("path", DELETED, ids=lambda path: ".".join(map(str, path)))
def test_a_field_that_is_null_is_never_inside(path):
    assert status(changed(INSIDE, path, lambda _: None)) != 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(CHANGED), max_size=4, unique=True),
    st.lists(st.sampled_from(DELETED), max_size=4, unique=True),
)
def test_several_wrongs_never_make_a_right(changes, deletions):
    data = INSIDE
    for path in changes:
        data = changed(data, path, another)
    for path in deletions:
        try:
            data = changed(data, path, removed)
        except (KeyError, IndexError, TypeError):  # gone already with what was around it
            assert data != INSIDE

    assert (status(data) == 0) == (data == INSIDE)


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(sorted(INSIDE)),
        st.recursive(
            st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.text(max_size=5), inner, max_size=3)
            ),
            max_leaves=5,
        ),
        min_size=1,
        max_size=2,
    )
)
def test_nonsense_in_any_field_is_never_inside(nonsense):
    harmless = {key for key in nonsense if key == "envelope" and isinstance(nonsense[key], str)}

    assert status({**INSIDE, **nonsense}) != 0 or harmless == set(nonsense)
