"""Several nuisances at once, and the worst of each: what holds, and what missing evidence takes."""

import pytest

from envelope.claims import make_claims
from envelope.criteria import default_criteria
from envelope.draft import draft
from envelope.records import JOINT_SCALES
from envelope.scope import compare_scope
from tests.envelope.builders import BOX, crashed, measurements, together
from tests.envelope.judging import (
    checked,
    claim_of,
    deployment,
    replaced,
    template_data,
    with_interval,
)


def with_joint(*cells_and_summaries):
    """The made-up run with these joint cells instead of its own."""
    base = measurements()
    cells = [cell for cell in base.cells if cell.condition.get("loop") != "joint"]
    found = [one for one in base.summaries if not one.quantity.startswith("joint_")]
    for cell, summaries in cells_and_summaries:
        cells.append(cell)
        found += summaries
    return base.model_copy(update={"cells": cells, "summaries": found})


def holding(up_to=1.0):
    """A run whose boxes held up to this scale, and were not tried beyond."""
    scales = [scale for scale in JOINT_SCALES if scale <= up_to]
    return with_joint(*(box for scale in scales for box in kept(scale)))


def kept(scale):
    return together("uniform", 0.01, 0.06, scale), together("ends", 0.03, 0.06, scale)


def judged(found):
    return make_claims(found, default_criteria())


def off_nominal(*names):
    data = {**template_data(), "relies_on": ["planning.success"]}
    amounts = {"background.color": {"max_delta_e": 4}, "blur": {"max_px": 1}}
    data["input_scope"]["nuisance"].update({name: amounts[name] for name in names})
    return data


def status_of(envelope, field, *names):
    found = compare_scope(envelope, deployment(off_nominal(*names)))
    return next(one for one in found if one.field == f"input_scope.nuisance.{field}").status


def test_the_box_is_admitted_when_inside_and_at_its_ends_success_is_kept():
    found = judged(holding())

    assert found.joint_scale == 1
    assert claim_of(holding(), "nuisance.joint").outcome == "robust"
    assert not any("several nuisances" in one.what for one in found.not_measured)


@pytest.mark.parametrize(
    ("cells", "verdict", "outcome"),
    [
        ([("uniform", 0.4, 0.1)], "fails", "fails_silently"),
        ([("uniform", 0.01, 0.06), ("ends", 0.4, 0.1)], "fails", "fails_silently"),
        ([("uniform", 0.205, 0.1)], "unknown", "inconclusive"),  # one of two may come so far
        ([("uniform", 0.09, 0.06)], "unknown", "inconclusive"),
        ([("uniform", 0.01, 0.06), ("ends", 0.09, 0.06)], "unknown", "inconclusive"),
        ([("uniform", 0.01, 0.06)], "unknown", "not_measured"),
        ([("ends", 0.01, 0.06)], "unknown", "not_measured"),
        ([], "unknown", "not_measured"),
    ],
)
def test_anything_less_leaves_one_axis_at_a_time(cells, verdict, outcome):
    found = with_joint(*(together(*one) for one in cells))

    claim = claim_of(found, "nuisance.joint")

    assert (claim.verdict, claim.outcome) == (verdict, outcome)
    assert judged(found).joint_scale == 0


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ([("uniform", 0.4, 0.1)], "success drops by 0.40 [0.30, 0.50]"),
        ([("uniform", 0.01, 0.06), ("ends", 0.4, 0.1)], "success drops by 0.40 [0.30, 0.50]"),
        ([("uniform", 0.01, 0.06), ("ends", 0.05, 0.06)], "would settle it"),
        ([("uniform", 0.01, 0.06)], "no closed-loop cell was run with all classes at the ends"),
        ([], "no closed-loop cell was run with all classes inside 0.625 of their ranges"),
    ],
)
def test_the_largest_box_that_held_is_recorded(cells, why):
    held = [*kept(0.25), *kept(0.5)]
    found = with_joint(*held, *(together(*one, 0.625) for one in cells))

    claim = claim_of(found, "nuisance.joint")

    assert judged(found).joint_scale == 0.5
    assert claim.verdict == "holds"
    assert "inside 0.5 of their ranges" in claim.statement
    assert "beyond that" in claim.reason
    assert why in claim.reason


def test_a_larger_box_counts_only_where_every_smaller_one_held():
    found = with_joint(*kept(0.25), *kept(0.75), *kept(1.0))

    assert judged(found).joint_scale == 0.25


def test_a_run_of_old_with_one_box_of_full_size_admits_it():
    def of_old(one):
        condition = {key: value for key, value in one.condition.items() if key != "scale"}
        return one.model_copy(update={"condition": condition})

    base = with_joint(*kept(1.0))
    found = base.model_copy(
        update={
            "cells": [of_old(cell) for cell in base.cells],
            "summaries": [of_old(one) for one in base.summaries],
        }
    )

    assert judged(found).joint_scale == 1


def test_without_a_joint_cell_the_record_says_what_was_not_measured():
    listed = [one.what for one in judged(with_joint()).not_measured]

    assert "several nuisances at once" in listed


def test_a_box_smaller_than_what_is_admitted_admits_nothing_together():
    base = holding()
    shrunk = [
        cell.model_copy(update={"condition": {**cell.condition, "high.blur": 0.4}})
        if cell.condition.get("loop") == "joint"
        else cell
        for cell in base.cells
    ]
    found = base.model_copy(update={"cells": shrunk})

    claim = claim_of(found, "nuisance.joint")

    assert BOX["blur"][1] == 2.0
    assert claim.verdict == "unknown"
    assert "is admitted from 0 to 0.5 and was drawn from 0 to 0.4" in claim.reason


def test_a_crashed_joint_cell_is_unknown_and_never_a_finding():
    base = holding()
    cells = [crashed(c) if c.condition.get("loop") == "joint" else c for c in base.cells]
    found = base.model_copy(update={"cells": cells})

    assert claim_of(found, "nuisance.joint").outcome == "crashed"
    assert judged(found).joint_scale == 0


def test_rows_without_their_summary_are_no_evidence():
    found = with_joint(together("uniform", 0.01, 0.06), (together("ends", 0.03, 0.06)[0], []))

    assert claim_of(found, "nuisance.joint").verdict == "unknown"


def test_two_axes_off_nominal_are_inside_only_with_the_box():
    one_axis, box = draft(measurements()), draft(holding())

    assert status_of(one_axis, "background.color", "background.color", "blur") == "inside"
    assert status_of(one_axis, "blur", "background.color", "blur") == "unmeasured"
    assert status_of(box, "blur", "background.color", "blur") == "inside"
    data = off_nominal("background.color", "blur")
    assert checked(data, envelope=one_axis).exit_status == 1
    assert checked(data, envelope=box).exit_status == 0


def test_several_at_once_are_inside_only_within_their_part_of_the_box():
    half = draft(holding(up_to=0.5))
    data = off_nominal("background.color", "blur")  # half of 8 delta E, half of 2 px

    assert checked(data, envelope=half).exit_status == 0
    data["input_scope"]["nuisance"]["blur"] = {"max_px": 1.001}
    verdict = checked(data, envelope=half)
    (reason,) = [one for one in verdict.reasons if one.code == "second_axis_unmeasured"]
    assert verdict.exit_status == 1
    assert reason.subject == "input_scope.nuisance.blur"
    assert "measured together with other nuisances only in 0 to 1 px" in reason.message


def test_one_alone_is_inside_up_to_the_end_of_its_own_range():
    half = draft(holding(up_to=0.5))
    data = off_nominal("blur")
    data["input_scope"]["nuisance"]["blur"] = {"max_px": 2}

    assert checked(data, envelope=half).exit_status == 0


def test_a_class_outside_its_range_is_outside_the_box_too():
    box = draft(holding())
    data = off_nominal("blur")
    data["input_scope"]["nuisance"]["background.color"] = {"max_delta_e": 9}

    assert checked(data, envelope=box).exit_status == 1


def test_a_planner_axis_is_not_in_the_box():
    data = off_nominal("blur")
    data["planner_scope"]["conventions"]["goal_offset_env_steps"] = 20

    assert checked(data, envelope=draft(holding())).exit_status == 1


def test_leaving_the_range_of_one_class_lapses_the_claim_about_all():
    box = draft(holding())
    named = [t for t in box.revalidation_triggers if t.field == "input_scope.nuisance.blur"]

    leaving = [trigger for trigger in named if trigger.comparison == "subset"]
    assert ["nuisance.joint" in trigger.claims for trigger in leaving] == [True]


@pytest.mark.parametrize(
    ("name", "verdict", "words"),
    [
        ("blur", "unknown", "would settle it"),
        ("light.gain", "holds", "0.00 [0.00, 0.06] of 60 solved cases"),
        ("background.color", "fails", "half of those broke"),
        ("noise", "fails", "no amount is admitted"),
        ("camera.shift", "unknown", "no amount is admitted"),
        ("joint", "unknown", "another planner stream loses"),
    ],
)
def test_the_worst_case_is_a_bound_by_the_end_of_its_interval(name, verdict, words):
    claim = claim_of(measurements(), f"worst_case.{name}")

    assert (claim.verdict, claim.kind) == (verdict, "bound")
    assert words in claim.reason


@pytest.mark.parametrize(
    ("up_to", "where"), [(0.5, "inside 0.5 of the"), (1.0, "inside the"), (0, "inside 0.25 of the")]
)
def test_the_worst_case_of_all_names_the_share_of_their_ranges(up_to, where):
    statement = claim_of(holding(up_to), "worst_case.joint").statement

    assert f"{where} admitted ranges of all nuisances together breaks" in statement


def test_what_is_no_longer_admitted_was_not_searched():
    found = replaced(
        "nuisance_shift/success_drop", with_interval(0.0, 0.05, 0.2), nuisance="light.gain"
    )

    assert claim_of(measurements(), "worst_case.light.gain").verdict == "holds"
    assert claim_of(found, "worst_case.light.gain").verdict == "unknown"


def test_a_laxer_limit_admits_more_than_was_searched():
    laxer = default_criteria().model_copy(update={"max_success_drop": 0.7})
    claims = {claim.id: claim for claim in make_claims(measurements(), laxer).claims}

    assert claims["worst_case.agent.color"].verdict == "unknown"
    assert "is admitted from 0 to 50" in claims["worst_case.agent.color"].reason


def test_without_the_suite_only_the_claim_about_all_is_there_and_it_is_unknown():
    base = measurements()
    plan = base.plan.model_copy(update={"suites": ["planning", "nuisance_shift"]})
    found = base.model_copy(update={"plan": plan})

    claims = [c for c in judged(found).claims if c.id.startswith("worst_case.")]

    assert [(c.id, c.verdict) for c in claims] == [("worst_case.joint", "unknown")]
