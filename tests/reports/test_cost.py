"""The section on cost: what it shows of counts, of seconds, and of what could not be counted."""

import re
from html import unescape

import pytest

from envelope.draft import draft
from envelope.records import Estimate
from reports.cost import cost
from reports.page import record_digest
from reports.systems import SYSTEMS
from reports.view import View
from tests.envelope import builders
from tests.envelope.builders.pieces import measurement

COUNTS = {
    ("tokens_per_frame", ()): 49,
    ("numbers_per_frame", ()): 98,
    ("operations", (("of", "frame"),)): 19_600,
    ("operations", (("of", "candidate"),)): 58_800,
    ("operations", (("of", "plan"),)): 9_506_000,
    ("encoder_share", ()): 0.004,
    ("model_steps_per_plan", ()): 480,
    ("operations_over_tokens", (("tokens_per_frame", 1),)): 8_000,
    ("operations_over_tokens", (("tokens_per_frame", 64),)): 1.6e7,
}


def counted(value):
    return Estimate(value=value, low=value, high=value, episodes=2, interval="counted", seed=0)


def drawn(counts=COUNTS, seconds=None):
    base = builders.measurements()
    summaries = [
        measurement(
            f"cost/{quantity}",
            None if value is None else counted(value),
            dict(condition),
            note="" if value else "it runs elsewhere",
        )
        for (quantity, condition), value in counts.items()
    ]
    measured = base.model_copy(
        update={
            "summaries": [*base.summaries, *summaries],
            "plan": base.plan.model_copy(update={"suites": [*base.plan.suites, "cost"]}),
            "timing": base.timing.model_copy(update={"cost_seconds": seconds or {}}),
        }
    )
    record = draft(measured)
    return cost(View(record, measured, [], record_digest(record))).markup


def words(markup):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def test_counts_and_seconds_stand_side_by_side():
    said = words(drawn(seconds={"frame": 0.0021, "plan": 1.25}))

    assert "encoding one frame 19 600 2.1 ms" in said
    assert "imagining one candidate 58 800 –" in said
    assert "one plan 9.51×10^6 1.25 s" in said
    assert "One plan imagines 480 model steps; 0.4 % of its operations encode frames." in said
    assert "64 times the tokens take 2000 times the operations" in said


def test_the_audited_model_stands_beside_every_system_that_has_tokens():
    markup = drawn()

    picture = words(markup[markup.index("cost-tokens-text") : markup.index("cost-growth-title")])
    for system in SYSTEMS:
        assert (system.name in picture) == (system.tokens is not None)
        assert system.name in words(markup)
        assert system.source in words(markup)
    assert "This model: 49;" in picture


def test_what_could_not_be_counted_is_not_measured_and_nothing_is_drawn_of_it():
    said = words(drawn(dict.fromkeys(COUNTS)))

    assert "Nothing could be counted." in said
    assert "one plan not measured –" in said
    assert "This model: not measured;" in said


def test_an_audit_without_the_suite_says_so():
    assert "Not measured." in words(drawn({}))


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda one: one.name)
def test_every_row_says_where_it_comes_from(system):
    assert all((system.carried, system.search, system.plan_time, system.source))
    if system.tokens:
        low, high = system.tokens
        assert 1 <= low <= high
