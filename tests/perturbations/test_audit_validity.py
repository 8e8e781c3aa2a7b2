"""The benchmark that audits the auditor: what it counts, and a few audits of it."""

import pytest

from tests import known_models as known
from tests.benchmarks import audit_validity
from tests.benchmarks.audit_validity_table import (
    Entry,
    Found,
    Row,
    RowResult,
    family_table,
    finding_table,
    missed_bars,
    read_matrix,
)

BARS = {
    "must_found_at_least": 0.95,
    "must_hold_at_least": 0.95,
    "false_findings_at_most": 0.05,
    "perfect_any_fails_at_most": 0.10,
}
ROW = Row(
    name="Model",
    defect="one",
    model="Model",
    entries=(
        Entry("monitor.surprise.teleport", "must", "so planted", "blind"),
        Entry("planning.*", "must_not", "it plans"),
    ),
)


def claim(name, verdict="holds", outcome="met", family="F5"):
    return Found(name, family, verdict, outcome)


def result(*audits, row=ROW):
    return RowResult(row, tuple(audits))


SEEN = (claim("monitor.surprise.teleport", "fails", "blind"), claim("planning.success"))


def test_a_defect_that_is_found_in_nearly_all_audits_meets_its_bar():
    missing = (claim("monitor.surprise.teleport", "unknown", "inconclusive"),)

    assert missed_bars([result(*[SEEN] * 19, missing)], BARS) == []
    assert missed_bars([result(*[SEEN] * 18, missing, missing)], BARS) == [
        "Model: monitor.surprise.teleport found in 18 of 20 audits"
    ]


@pytest.mark.parametrize(("verdict", "outcome"), [("unknown", "crashed"), ("fails", "not_met")])
def test_a_crash_and_another_outcome_are_not_what_was_to_be_found(verdict, outcome):
    found = result((claim("monitor.surprise.teleport", verdict, outcome),) * 2)

    assert found.times_found(ROW.entries[0]) == 0


def test_whatever_else_fails_counts_once_per_audit():
    wrong = (*SEEN, claim("planning.success", "fails"), claim("planning.above_floor", "fails"))

    assert missed_bars([result(*[SEEN] * 18, wrong, wrong)], BARS) == [
        "Model: planning.above_floor, planning.success failed in 2 of 20 audits"
    ]
    assert missed_bars([result(*[SEEN] * 19, wrong)], BARS) == []


def test_a_perfect_model_may_fail_in_one_audit_of_ten():
    row = Row("Oracle", "none", (Entry("*", "must_not", "perfect"),), "Oracle")
    wrong = (claim("planning.success", "fails"),)

    assert missed_bars([result(*[()] * 9, wrong, row=row)], BARS) == []
    assert missed_bars([result(*[()] * 8, wrong, wrong, row=row)], BARS) != []


def test_what_did_not_run_misses_its_bar():
    assert missed_bars([result()], BARS) == ["Model: not run"]


def test_the_first_entry_that_fits_counts():
    row = Row("M", "d", (Entry("a.b", "may", "open"), Entry("a.*", "must_not", "sound")), "M")

    assert row.entry("a.b").expect == "may"
    assert row.entry("a.c").expect == "must_not"
    assert row.entry("b.c") is None


def test_tables_name_every_model_and_every_must():
    found = [result(SEEN, SEEN)]

    assert "| Model | one | 2 |" in family_table(found)
    assert "| **2** |" in family_table(found)
    assert "| monitor.surprise.teleport | must: blind | 2 of 2 | 1.00 [0.16, 1.00] |" in (
        finding_table(found)
    )


def test_the_matrix_plants_at_least_seventeen_defects_and_gives_every_reason():
    matrix = read_matrix()
    planted = [row for row in matrix.rows if any(e.expect == "must" for e in row.entries)]

    assert len(planted) >= 17
    assert all(
        hasattr(known, name) for row in matrix.rows for name in (row.model, row.base) if name
    )
    assert all(entry.because for row in matrix.rows for entry in row.entries)
    expected = {e.expect for row in matrix.rows for e in row.entries}
    assert expected == {"must", "must_hold", "may", "must_not"}


def test_an_audit_that_raises_is_written_down_and_is_no_finding():
    broken = Row("Nobody", "none", (), "NoSuchModel")

    ended = audit_validity._timed(broken, 0)

    assert ended.found == ()
    assert "NoSuchModel" in ended.error


@pytest.mark.slow
@pytest.mark.parametrize("row", read_matrix().rows, ids=lambda row: row.name)
def test_what_must_be_found_is_found_and_nothing_else(row):
    audits = [tuple(audit_validity.audit_once(row, 1000 + draw)) for draw in range(3)]

    missed = missed_bars([RowResult(row, tuple(audits))], BARS | {"must_found_at_least": 0.6})
    assert missed == []
