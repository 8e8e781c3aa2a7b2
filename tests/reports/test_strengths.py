"""Each strength of a nuisance has one of four outcomes on the page."""

import re

from reports.nuisance import nuisances
from reports.nuisance_chart import _met
from reports.strengths import strengths
from reports.view import View
from tests.reports import examples


def text(html):
    return " ".join(re.sub(r"<[^>]+>", " ", html.markup).split())


def shown(name):
    return text(strengths(examples.envelope().input_scope.nuisance[name]))


def test_what_holds_what_fails_and_what_is_unknown_stand_side_by_side():
    found = shown("background.color")

    assert "0.2 8 ΔE to navy, current frame holds" in found
    assert "0.6 24 ΔE to navy, current frame fails silently" in found
    assert "1 40 ΔE to navy, current frame unknown: not measured" in found
    assert "fails loudly" in shown("agent.color")


def test_directions_that_ran_in_open_loop_only_are_named():
    assert "shown in open loop only: darker, lighter, to green" in shown("background.color")
    assert "open loop only: left, up" in shown("camera.shift")


def test_the_card_of_a_class_has_its_strengths_and_its_limit():
    measured = examples.measurements()
    page = text(nuisances(View(examples.envelope(), measured, (), "0" * 64)))

    assert "Each strength" in page
    assert re.search(r"the limit lies at 11.56 \[8, 24\] ΔE \(to navy\)", page)


def test_what_is_loud_at_the_weakest_strength_that_ran_may_be_silent_below():
    record = examples.envelope()
    name, *_ = (c.id for c in record.claims if c.outcome == "fails_loudly")
    scope = record.input_scope.nuisance[name.removeprefix("nuisance.")]
    failing = [one for one in scope.strengths if one.outcome == "fails_loudly"]
    alone = scope.model_copy(update={"strengths": failing})
    others = {**record.input_scope.nuisance, name.removeprefix("nuisance."): alone}
    inputs = record.input_scope.model_copy(update={"nuisance": others})
    view = View(
        record.model_copy(update={"input_scope": inputs}), examples.measurements(), (), "0" * 64
    )

    said = text(nuisances(view))

    weakest = min(failing, key=lambda one: abs(one.amount - scope.nominal)).amount
    assert f"loudly at {weakest:.2g}" in said.replace("\u2212", "-")
    assert "the weakest that ran (weaker may fail silently): " in said
    assert "may fail silently): " not in text(
        nuisances(View(record, examples.measurements(), (), "0" * 64))
    )


def test_letters_tell_the_directions_of_a_class_apart():
    page = text(nuisances(View(examples.envelope(), examples.measurements(), (), "0" * 64)))

    assert re.search(r"Lines: a [a-z ]+, b [a-z ]+", page)


def test_lines_that_end_in_one_place_share_a_word_there():
    ends = _met([(300.0, 10.0, "b"), (303.0, 12.0, "a"), (300.0, 60.0, "c")])

    assert [word for _, _, word in ends] == ["ba", "c"]
