"""Each section says in one line what was found; a known model's record in, the sentence out."""

import re
from functools import cache
from html import unescape

import pytest

from envelope.draft import draft
from envelope.records import Estimate, Measurement
from reports.drift import drift
from reports.evidence import evidence
from reports.exploitation import exploitation
from reports.fields import fields
from reports.joint import joint
from reports.monitors import monitors
from reports.nuisance import nuisances
from reports.planning import planning
from reports.representation import representation
from reports.view import View
from reports.worst_case import worst_case
from tests import known_models as known
from tests.known_models.judging import measurements_of
from tests.reports import examples

MADE_UP = {
    planning: "Success in closed loop: the model 0.86, its untrained twin 0.31, random actions "
    "0.12, true dynamics 0.97.",
    nuisances: "Fails silently: background.color; fails, alarm unknown: noise; fails loudly: ",
    monitors: "surprise detects ",
    drift: "At the planner's 5 model steps the error is ",
}


@cache
def audited(model, *suites):
    left = measurements_of(known.bench(getattr(known, model)()), suites)
    return View(draft(left), left, (), "0" * 64)


def example(**update):
    left = examples.measurements().model_copy(update=update)
    return View(examples.envelope(), left, (), "0" * 64)


def text(html):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html.markup)).split())


def line(html):
    """What stays visible while the section is closed."""
    return text(type(html)(re.search("<summary>(.*?)</summary>", html.markup).group(1)))


def test_a_collapsed_model_has_no_rank_and_its_latent_distance_is_not_said_to_rise():
    found = line(representation(audited("Collapsed", "representation")))

    assert "2 fail" in found
    assert "Effective rank 0.00; latent distance ranks states with 0.00" in found
    assert "rising" not in found


def test_what_the_latents_of_a_perfect_model_hold_is_drawn():
    found = representation(audited("Oracle", "representation"))

    order = "latent distance ranks states with 1.00, reaching nine tenths of its top at"
    assert f"Effective rank 2.00; {order}" in line(found)
    assert "intrinsic dimension, the world's states" in text(found)
    assert "straightness of lawful episodes" in text(found)
    assert "Epps and Pulley" in text(found)
    assert "Probes, secondary" in text(found)
    assert re.search(r"agent.color 0.9\d \[0", text(found))
    assert "in moves of one env step" in text(found)


def test_an_optimist_is_caught_between_promise_and_cost():
    found = exploitation(audited("OptimistEverywhere", "planning", "exploitation"))

    assert re.search(r"costs [0-9.]+ of staying more than imagined", line(found))
    assert re.search(r"change success by \S+ and that gap by \S+", line(found))
    assert re.search(r"4 × the samples: 160 \(\S+, gap \S+\)", text(found))
    assert re.search(r"paired by case from \d\.\d\d", text(found))
    assert "its change" in text(found)
    assert "regret: 0 is the best candidate" in text(found)


@pytest.mark.parametrize("draw", MADE_UP, ids=lambda draw: draw.__name__)
def test_the_line_of_a_section_has_its_finding(draw):
    assert MADE_UP[draw] in line(draw(example()))


def test_the_worst_case_names_budget_share_and_smallest_change():
    found = worst_case(example())

    assert "broke most under noise: 0.90 of 60 solved cases" in line(found)
    assert "it found none that breaks under background.gradient" in line(found)
    assert "none found" in text(found)
    assert "allowed 0.2" in text(found)


def test_several_at_once_have_a_box_and_what_it_costs():
    found = joint(example())

    assert "success drops by" in line(found)
    assert "0 to 8 ΔE" in text(found)
    assert "left at nominal" in text(found)


@pytest.mark.parametrize(
    "draw",
    [representation, exploitation, worst_case, joint, planning, drift],
    ids=lambda d: d.__name__,
)
def test_a_section_without_evidence_says_that_it_was_not_measured(draw):
    found = draw(example(summaries=[], cells=[]))

    assert "Not measured" in line(found)
    assert "not measured:" in text(found).replace(" :", ":")


def test_drift_is_told_in_the_units_of_the_world():
    found = drift(example())

    assert "a probe reads the imagined place 9.5 px off, that of real frames 2.5 px" in line(found)
    assert "error of the place, root mean square, px" in text(found)
    assert "rank correlation, imagined with true cost" in text(found)
    assert "In the world" in text(found)


def test_jumps_that_end_apart_are_told_where_a_model_jumps():
    found = Measurement(
        suite="horizon_drift",
        quantity="self_consistency",
        unit="1",
        condition={"horizon": 5, "env_steps": 25},
        estimate=Estimate(
            value=0.02, low=0.01, high=0.03, episodes=60, interval="bootstrap", seed=0
        ),
    )
    told = drift(example(summaries=[*examples.measurements().summaries, found]))

    assert "over 5 model steps, and the same in two jumps, end apart by 0.020" in text(told)
    assert "two jumps" not in text(drift(example()))


def test_every_monitor_has_a_column_and_every_class_a_row():
    found = text(monitors(example()))
    table = found.partition("Monitors side by side")[2]

    for name in examples.envelope().criteria.violations:
        assert name.replace("_", " ") in table
    for row in ("alarm above", "false alarms per episode", "time to a false alarm", "physical"):
        assert row in table
    assert re.search(r"detected 0.\d\d \[0.\d\d, 1?0?\.\d\d\]", table)


def test_a_measurement_has_one_cell_with_its_figures_and_shares_a_row_with_its_kind():
    view = example()
    tables = evidence(view, ["voe"])
    rows = tables.markup.count("<tr>")

    of_suite = [i for i, one in enumerate(view.evidence, start=1) if one.suite == "voe"]
    for index in of_suite:
        assert f'id="m-{index}"' in tables.markup
    assert rows < len(of_suite) / 3
    assert "detection · surprise" in text(tables)


def test_a_test_without_an_estimate_was_measured_and_shows_its_p():
    found = Measurement(
        suite="representation",
        quantity="normality",
        unit="1",
        condition={},
        estimate=None,
        p_holm=0.01,
    )

    told = text(evidence(example(summaries=[found], cells=[]), ["representation"]))

    assert "measured p .010" in told
    assert "not measured" not in told


def drifting(factor):
    def of(one):
        if one.quantity != "drift_ratio" or one.estimate is None:
            return one
        ends = {key: getattr(one.estimate, key) * factor for key in ("value", "low", "high")}
        return one.model_copy(update={"estimate": one.estimate.model_copy(update=ends)})

    return text(drift(example(summaries=[of(one) for one in examples.measurements().summaries])))


def test_a_small_drift_alone_is_drawn_in_powers_of_ten():
    assert "in powers of ten" in drifting(0.1)
    assert "in powers of ten" not in drifting(5.0)


def test_options_of_a_planner_and_the_box_of_several_nuisances_stand_among_the_fields():
    record = examples.envelope()
    planner = record.planner_scope.model_copy(update={"options": {"momentum": 0.2}})
    scope = record.input_scope.model_copy(update={"joint": True, "joint_scale": 0.5})
    record = record.model_copy(update={"planner_scope": planner, "input_scope": scope})

    found = text(fields(View(record, examples.measurements(), (), "0" * 64)))

    assert "momentum 0.2" in found
    assert "up to the ends of 0.5 of their admitted ranges" in found
