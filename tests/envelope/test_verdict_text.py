"""A verdict in words."""

from envelope.verdict_text import text_of
from tests.envelope.judging import checked, template_data


def test_claims_of_one_monitor_are_told_together_and_all_of_them():
    data = template_data()
    data["planner_scope"]["horizon"] = 20
    verdict = checked(data)
    text = " ".join(text_of(verdict).split())
    ids = [one.id for one in verdict.claims if one.relied_on and one.lapsed_by]
    ids = [name for name in ids if name.startswith("monitor.surprise.")]

    assert len(ids) > 2
    assert "monitor.surprise.{" in text
    for name in ids:
        assert name not in text
        assert name.removeprefix("monitor.surprise.") in text


def test_a_single_claim_of_a_monitor_keeps_its_name():
    data = template_data()
    data["relies_on"] = ["monitor.surprise.teleport", "planning.success"]
    data["planner_scope"]["horizon"] = 20

    assert "monitor.surprise.teleport" in text_of(checked(data))
