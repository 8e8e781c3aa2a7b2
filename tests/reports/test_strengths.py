"""Each strength of a nuisance has one of four outcomes on the page."""

import re

from reports.nuisance import nuisances
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
