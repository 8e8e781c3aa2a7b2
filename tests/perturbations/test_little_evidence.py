"""Little evidence, none, or less of it than before: what is said then is `unknown`."""

from functools import cache

import numpy as np
import pytest

from envelope.claims import make_claims
from envelope.errors import EnvelopeError
from perturbations import audit
from perturbations.episodes import Cases
from tests import known_models as known
from tests.known_models.judging import claims_of, measurements_of

SUITES = ("planning", "nuisance_shift")


@cache
def measured(model, suites=tuple(audit.SUITES)):
    return measurements_of(known.bench(getattr(known, model)()), suites)


def judged(measurements, cells):
    """Verdicts by claim, from the rows of these cells alone."""
    monitors, _ = audit.monitors_from(cells, measurements.plan.criteria)
    left = measurements.model_copy(
        update={
            "cells": cells,
            "monitors": monitors,
            "summaries": audit.summarise(cells, monitors, measurements.plan),
        }
    )
    return {claim.id: claim for claim in make_claims(left, left.plan.criteria).claims}


def with_rows(cell, change):
    return cell.model_copy(
        update={"rows": {name: change(name, rows) for name, rows in cell.rows.items()}}
    )


def test_one_success_of_fifteen_against_none_is_unknown():
    found = measured("BackgroundReader", SUITES)

    def few(cell):
        if "success" not in cell.rows:
            return cell
        first = cell.suite == "planning"
        outcomes = [first] + [False] * 14
        return with_rows(cell, lambda name, rows: outcomes if name == "success" else rows[:15])

    claims = judged(found, [few(cell) for cell in found.cells])

    shown = claims["nuisance.background.color"]
    assert shown.verdict == "unknown", shown.reason
    assert "0.07" in shown.reason
    assert claims["planning.above_floor"].verdict == "unknown"


def test_a_single_case_is_unknown():
    claims = claims_of(known.bench(known.Oracle(), cases=known.cases(1)), SUITES)

    of_cases = [c for name, c in claims.items() if name.startswith(("planning.", "nuisance."))]
    assert {claim.verdict for claim in of_cases} == {"unknown"}


def test_many_goals_from_one_start_state_are_refused():
    found = known.cases(20)
    one_start = Cases(np.repeat(found.starts[:1], 20, axis=0), found.goals, 15)
    far = known.WORLD.distance(one_start.starts, one_start.goals) > 10

    with pytest.raises(EnvelopeError, match="from 1 distinct start:"):
        known.bench(known.Oracle(), cases=Cases(one_start.starts[far], one_start.goals[far], 15))


def test_two_cases_from_one_corner_are_no_harm():
    found = known.cases(40)
    starts = found.starts.copy()
    starts[1] = starts[0]
    apart = known.WORLD.distance(starts[:2], found.goals[:2]) > 6
    assert apart.all()

    assert len(known.bench(known.Oracle(), cases=Cases(starts, found.goals, 15)).cases) == 40


@pytest.mark.parametrize("suite", ["planning", "nuisance_shift", "voe", "horizon_drift"])
def test_cells_without_an_episode_are_unknown(suite):
    found = measured("ColourBlind")
    emptied = [
        with_rows(cell, lambda name, rows: []) if cell.suite == suite else cell
        for cell in found.cells
    ]
    before, claims = judged(found, found.cells), judged(found, emptied)

    about = [name for name, claim in before.items() if suite in claim.suites]
    assert about
    assert {claims[name].verdict for name in about if name in claims} <= {"unknown"}


@pytest.mark.parametrize("left", ["no cell", "no row", "crashed"])
def test_summaries_without_the_rows_behind_them_make_no_claim_hold_or_fail(left):
    found = measured("Oracle")
    changes = {"no row": {"rows": {}}, "crashed": {"rows": {}, "status": "crashed", "error": "x"}}
    cells = [cell.model_copy(update=changes.get(left, {})) for cell in found.cells]
    bare = found.model_copy(update={"cells": [] if left == "no cell" else cells})

    claims = make_claims(bare, bare.plan.criteria).claims

    assert [claim.id for claim in claims if claim.verdict != "unknown"] == []


def test_a_crash_in_every_cell_of_the_model_leaves_nothing_but_unknown():
    claims = claims_of(known.bench(known.Broken()))

    assert {claim.verdict for claim in claims.values()} == {"unknown"}


@pytest.mark.parametrize(("num", "rate", "needed"), [(12, 0.05, 59), (60, 0.01, 299)])
def test_too_few_calibration_episodes_give_no_monitor_and_the_number_needed(num, rate, needed):
    bench = known.bench(
        known.ColourBlind(),
        calibration=known.lawful_episodes(num, seed=1),
        criteria=known.criteria(false_alarms_per_episode=rate),
    )
    found = measurements_of(bench, ("voe",))

    assert found.monitors == []
    assert any(f"smallest number that can is {needed}" in one.reason for one in found.not_measured)
    assert not [c for c in make_claims(found, found.plan.criteria).claims if c.verdict != "unknown"]


@pytest.mark.parametrize("model", ["ColourBlind", "BackgroundReader"])
@pytest.mark.parametrize("draw", range(4))
def test_taking_cells_away_only_weakens_verdicts(model, draw):
    found = measured(model)
    before = judged(found, found.cells)
    rng = np.random.default_rng(draw)
    kept = [cell for cell in found.cells if rng.uniform() > 0.1 * (1 + draw)]

    for name, claim in judged(found, kept).items():
        assert claim.verdict in (before[name].verdict, "unknown"), (name, claim.reason)
