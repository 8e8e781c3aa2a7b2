"""The state machine of a record."""

from datetime import UTC, datetime, timedelta

import pytest

from envelope.errors import BadFile
from envelope.state import state_of
from tests.envelope.builders import example_envelope

NOW = datetime(2026, 2, 1, tzinfo=UTC)
UNTIL = datetime(2026, 4, 5, 10, tzinfo=UTC)
HOLDING = {claim.id for claim in example_envelope().claims if claim.verdict == "holds"}


@pytest.mark.parametrize(
    ("lapsed", "expected"),
    [(set(), "valid"), ({"planning.success"}, "partly_lapsed"), (HOLDING, "lapsed")],
)
def test_what_lapsed_decides_how_far(lapsed, expected):
    assert state_of(example_envelope(), now=NOW, lapsed=lapsed) == expected


@pytest.mark.parametrize(
    ("now", "expected"), [(UNTIL - timedelta(seconds=1), "valid"), (UNTIL, "expired")]
)
def test_a_record_expires_at_the_second_it_says(now, expected):
    assert state_of(example_envelope(), now=now) == expected


@pytest.mark.parametrize("standing", ["superseded", "revoked"])
def test_what_was_said_from_outside_is_the_gravest(standing):
    found = state_of(
        example_envelope(), now=UNTIL + timedelta(days=9), lapsed=HOLDING, standing=standing
    )

    assert found == standing


def test_expiry_is_graver_than_a_lapse():
    assert state_of(example_envelope(), now=UNTIL, lapsed=HOLDING) == "expired"


def test_a_time_without_a_zone_is_refused():
    record = example_envelope().model_copy(update={"valid_until": "2026-04-05T10:00:00"})

    with pytest.raises(BadFile, match="valid_until"):
        state_of(record, now=NOW)
