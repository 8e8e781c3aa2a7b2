"""A gate's record as a page."""

import re

import pytest

from reports import migration_page
from tests.envelope.gating import gate_record
from tests.reports.reading import Page


@pytest.fixture(scope="module")
def page():
    return Page(migration_page(gate_record()))


def test_the_decision_and_what_would_decide_come_first(page):
    first = page.text.partition("Candidate less base")[0]

    assert "Undecided" in first
    assert "Of 4 comparisons: 3 no worse, 1 undecided." in first
    assert "success: undecided. -0.095 [-0.200, +0.010], margin 0.05" in first
    assert "--cases 310" in first


def test_every_comparison_has_its_margin_and_interval(page):
    rows = page.text.partition("Every comparison that decides")[2]

    for subject in ("success", "detection.surprise.teleport", "false_alarms.surprise"):
        assert subject in rows
    assert "−0.095 [−0.200, 0.010]" in rows
    assert "about 310 would decide" in rows


def test_what_was_not_compared_says_why():
    record = gate_record()
    first, *rest = record.compared
    gone = first.model_copy(update={"difference": None, "status": "not_measured", "note": "gone"})
    lost = record.model_copy(update={"compared": [gone, *rest]})

    text = Page(migration_page(lost)).text

    assert "1 comparison not measured: gone" in text
    assert "Not compared: 1" in text


@pytest.mark.parametrize(
    ("decision", "words"),
    [("accept", "may take its base's place"), ("revert", "Keep the base")],
)
def test_each_decision_has_its_word(decision, words):
    text = Page(migration_page(gate_record().model_copy(update={"decision": decision}))).text

    assert decision.capitalize() in text
    assert words in text


def test_a_better_probe_stands_under_what_decides_nothing(page):
    assert "probe r2" in page.text.partition("Reported, deciding nothing")[2]


def test_the_page_of_a_gate_is_the_same_every_time_loads_nothing_and_escapes():
    hostile = '"><script>alert(1)</script>\u202e'
    record = gate_record().model_copy(update={"world": hostile})

    rendered = migration_page(record)

    assert rendered == migration_page(record)
    page = Page(rendered)
    assert page.elements["script"] == 0
    assert "default-src 'none'" in page.values("content")[0]
    assert not re.search(r"https?:", page.style)
    assert all(v.startswith("#") or v == "data:," for v in page.values("href"))
    assert "\u202e" not in page.text
    assert re.fullmatch("sha256:[0-9a-f]{64}", page.meta("record-digest"))


def test_what_is_odd_about_a_candidate_is_told_and_where_its_cases_come_from():
    from envelope.gate import Remark, fresh_seed

    record = gate_record()
    odd = Remark(code="no_tuning_step", message="its checkpoint does not say <how> it was made")
    fresh = {"is_fresh": True, "seed": fresh_seed(record.base, record.candidate)}

    text = Page(migration_page(record.model_copy(update={**fresh, "remarks": [odd]}))).text

    assert "its checkpoint does not say <how> it was made." in text
    assert f"{fresh['seed']}, from both models" in text
    assert "Remarks" not in Page(migration_page(record)).text
