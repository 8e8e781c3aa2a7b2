"""The benchmark that audits the auditor: what it counts, and a few audits of it."""

import pytest

from tests import known_models as known
from tests.benchmarks import audit_validity
from tests.benchmarks.audit_validity_notes import Times, blind_spots, unasked
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
FEW = {"must_found_at_least": 0.6, "must_hold_at_least": 0.6}
"""Of three audits one may miss."""
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


KNOWING = Row(
    "Oracle",
    "none",
    (Entry("planning.success", "must_hold", "it plans"), Entry("drift.*", "must_hold", "it knows")),
    "Oracle",
)
KNOWN = (claim("planning.success"), claim("drift.usable_horizon"), claim("drift.goal_offset"))


def test_an_auditor_that_knows_nothing_does_not_pass():
    silent = tuple(claim(one.claim, "unknown", "inconclusive") for one in KNOWN)

    assert missed_bars([result(*[KNOWN] * 19, silent, row=KNOWING)], BARS) == []
    assert missed_bars([result(*[silent] * 20, row=KNOWING)], BARS) == [
        "Oracle: planning.success held in 0 of 20 audits",
        "Oracle: drift.usable_horizon held in 0 of 20 audits",
    ]


def test_of_several_claims_that_must_hold_each_does_by_itself():
    half = (*KNOWN[:2], claim("drift.goal_offset", "unknown", "inconclusive"))

    assert result(KNOWN, half, half, row=KNOWING).least_held(KNOWING.entries[1]) == (
        "drift.goal_offset",
        1,
    )


def test_a_claim_that_nobody_asked_about_does_not_hold():
    assert missed_bars([result(*[KNOWN[:1]] * 20, row=KNOWING)], BARS) == [
        "Oracle: drift.* held in 0 of 20 audits"
    ]


def test_what_must_hold_must_not_fail_either():
    wrong = (claim("planning.success", "fails", "not_met"), *KNOWN[1:])

    assert result(wrong, row=KNOWING).false_findings() == [["planning.success"]]


def test_slow_audits_miss_their_bars():
    bars = {"one_audit_seconds_at_most": 5, "all_audits_minutes_at_most": 30}

    assert Times([4.9] * 300, bars).missed() == []
    assert Times([2.0, 6.0], bars).missed() == [
        "1 of 2 audits took longer than 5 s of a processor, 6.0 s the slowest"
    ]
    assert Times([4.5] * 402, bars).missed() == [
        "all audits took 30.1 minutes of a processor, allowed 30"
    ]
    assert "6.0 s for the slowest (at most 5)" in Times([2.0, 6.0], bars).words()


def test_blind_spots_of_the_perfect_model_are_counted():
    blind = (claim("monitor.shell.teleport", "fails", "blind"), *KNOWN)

    assert blind_spots([result(KNOWN, blind, blind, row=KNOWING), result(SEEN)]) == (
        "Blind spots on record: 2 of 3 audits of the perfect model have claims that fail, 1 of 4 "
        "claims in the middle one. All of these are of monitor.shell."
    )


def test_what_nobody_asks_is_listed():
    audit = (*SEEN, claim("cost", "unknown", "not_measured"), claim("nuisance.x", "fails"))

    assert unasked([result(audit)]).splitlines() == [
        "- Never decided: cost.",
        "- Decided, and broken by no model: planning.success.",
        "- Broken by a model, though no entry asks for it: nuisance.x.",
    ]


def test_many_claims_of_one_monitor_are_told_by_their_number():
    audit = tuple(claim(f"monitor.shell.{n}", "unknown") for n in "abcd")

    assert "Never decided: cost, 4 of monitor.shell." in (
        unasked([result((*audit, claim("cost", "unknown")))])
    )


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


def test_models_are_told_together_by_audits_in_which_nothing_is_missed():
    missing = (claim("monitor.surprise.teleport", "unknown", "inconclusive"),)

    table = finding_table([result(SEEN, SEEN, missing), result(SEEN), result(KNOWN, row=KNOWING)])

    assert "| all with a defect | every must | must | 3 of 4 |" in table
    assert "| Oracle | drift.* | must hold | 1 of 1 | not run |" in table


def test_the_matrix_plants_at_least_25_defects_and_gives_every_reason():
    matrix = read_matrix()
    planted = [row for row in matrix.rows if any(e.expect == "must" for e in row.entries)]

    assert len(planted) >= 25
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

    missed = missed_bars([RowResult(row, tuple(audits))], BARS | FEW)
    assert missed == []
