"""Drafting is pure: the record follows from measurements and criteria alone."""

import json

import pytest

from envelope.criteria import default_criteria
from envelope.draft import draft, measurements_digest
from envelope.errors import BadFile
from envelope.records import Measurements
from tests.envelope.builders import example_envelope, measurements


def test_the_same_measurements_give_the_same_record():
    assert draft(measurements()).model_dump_json() == example_envelope().model_dump_json()


def test_a_record_does_not_depend_on_the_order_of_keys_in_a_file():
    stored = json.dumps(measurements().model_dump(mode="json"), sort_keys=True)

    again = draft(Measurements.model_validate_json(stored))

    assert again == example_envelope()


def test_validity_counts_from_the_measurement():
    record = draft(measurements(), default_criteria().model_copy(update={"valid_days": 10}))

    assert record.measured_at == "2026-01-05T10:00:00Z"
    assert record.valid_until == "2026-01-15T10:00:00Z"


def test_timing_is_no_part_of_what_was_measured():
    base = measurements()
    slower = base.timing.model_copy(update={"suite_seconds": {"planning": 9999.0}})

    same = base.model_copy(update={"timing": slower})
    other = base.model_copy(update={"world": "one-room"})

    assert measurements_digest(same) == measurements_digest(base)
    assert measurements_digest(other) != measurements_digest(base)


def test_a_row_that_was_edited_changes_the_digest():
    base = measurements()
    cell = base.cells[0]
    rows = {**cell.rows, "success": [not cell.rows["success"][0], *cell.rows["success"][1:]]}
    edited = base.model_copy(
        update={"cells": [cell.model_copy(update={"rows": rows}), *base.cells[1:]]}
    )

    assert measurements_digest(edited) != measurements_digest(base)


def test_softer_criteria_change_claims_and_are_disclosed():
    harder = draft(measurements(), default_criteria().model_copy(update={"success_at_least": 0.95}))

    assert harder.claims[0].verdict == "fails"
    assert harder.criteria.success_at_least == 0.95
    assert any("fixed before the run" in one.what for one in harder.not_measured)
    assert not any("fixed before the run" in one.what for one in example_envelope().not_measured)


def test_what_no_suite_covers_is_listed():
    listed = " ".join(one.what for one in example_envelope().not_measured)

    assert all(family in listed for family in ("F1", "F3", "F4", "F6"))
    assert "several nuisances at once" not in listed  # a joint cell ran, and left it open
    assert "nuisance.camera.shift" in listed


def test_a_time_that_is_none_is_refused():
    base = measurements()
    timing = base.timing.model_copy(update={"measured_at": "yesterday"})

    with pytest.raises(BadFile, match="measured_at"):
        draft(base.model_copy(update={"timing": timing}))
