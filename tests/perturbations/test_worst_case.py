"""Several nuisances at once and the search for the worst, on models whose fault is known."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from envelope.records import JOINT_SCALES
from perturbations import audit
from perturbations.closed_loop import Loop
from perturbations.nuisances import mixture
from perturbations.nuisances.classes import find
from perturbations.nuisances.mixture import Change, Look
from perturbations.nuisances.nuisance import FrameSeeds
from perturbations.suites import joint
from perturbations.suites.admitted import Extent, box, searched
from perturbations.suites.worst_case import WorstCase, searched_cases, searches
from perturbations.whole.contradiction import contradiction
from tests import known_models as known

PROFILE = replace(known.PROFILE, shifted_cells="bisect", num_worst_cases=20)
SUITES = ["planning", "nuisance_shift", "worst_case"]


class ReadsMuchTogether(known.ColourBlind):
    """As below, and only once both are far off nominal."""

    def place(self, places, looks):
        both = np.abs(looks[:, :1]) * np.abs(looks[:, 9:10])
        return places + 0.04 * np.maximum(both - 1200, 0)


class ReadsBothTogether(known.ColourBlind):
    """Goes astray only when background and light are off nominal at the same time."""

    def place(self, places, looks):
        return places + 0.02 * np.abs(looks[:, :1]) * np.abs(looks[:, 9:10])


@cache
def run(model):
    bench = known.bench(model(), profile=PROFILE)
    found = audit.run(bench, SUITES)
    plan = audit.plan(bench, SUITES)
    summaries = audit.summarise(found.cells, found.monitors, plan)
    return bench, found.cells, plan, summaries


def value(model, quantity, **condition):
    for one in run(model)[3]:
        if one.quantity == quantity and condition.items() <= one.condition.items():
            return one.estimate
    raise AssertionError(f"no {quantity} under {condition}")


def of(cells, suite, **condition):
    return [
        c
        for c in cells
        if c.suite == suite and all(c.condition.get(k) == v for k, v in condition.items())
    ]


def test_a_fragile_model_is_broken_and_a_blind_one_is_not():
    fragile = value(known.BackgroundReader, "broken_share", nuisance="background.color")
    blind = value(known.ColourBlind, "broken_share", nuisance="background.color")

    assert fragile.low > 0.2
    assert blind.value == 0.0
    assert blind.high < 0.2


def test_the_smallest_change_that_breaks_is_smaller_than_the_first_that_did():
    search = of(run(known.BackgroundReader)[1], "worst_case", nuisance="background.color")[0]
    sizes = [size for size in search.rows["size"] if size is not None]

    assert 0 < min(sizes) < search.condition["high.background.color"]
    assert all(
        change.startswith("background.color to_") for change in search.rows["change"] if change
    )


def test_a_broken_case_fails_again_under_the_change_that_was_found():
    bench, cells, _, _ = run(known.BackgroundReader)
    search = of(cells, "worst_case", nuisance="background.color")[0]
    row = search.rows["broken"].index(True)
    _, direction, amount = search.rows["change"][row].split()
    numbers = np.array([search.rows["case"][row]])
    loop = Loop(
        arm="model",
        cases=replace(
            bench.cases, starts=bench.cases.starts[numbers], goals=bench.cases.goals[numbers]
        ),
        streams=bench.streams_of_cases[numbers],
        budget_env_steps=bench.budget_env_steps,
        watched=False,
        numbers=numbers,
    )
    mix = (Change("background.color", direction, float(amount), 0.0),)

    assert loop.run(bench)["success"] == [True]
    shown = replace(loop, look=Look([mix], np.array([5])))
    assert shown.run(bench)["success"] == [False]


def test_what_only_breaks_together_is_found_together():
    assert value(ReadsBothTogether, "broken_share", nuisance="background.color").value == 0
    assert value(ReadsBothTogether, "broken_share", nuisance="light.gain").value == 0
    assert value(ReadsBothTogether, "broken_share", nuisance="joint").low > 0.2
    assert tried(ReadsBothTogether)[-1] != (1.0, "ends")


def tried(model):
    cells = of(run(model)[1], "nuisance_shift", loop="joint")
    return [(cell.condition["scale"], cell.condition["amounts"]) for cell in cells]


def test_a_harmless_box_grows_to_all_that_is_admitted():
    assert tried(known.ColourBlind) == [
        (scale, amounts) for scale in JOINT_SCALES for amounts in ("uniform", "ends")
    ]
    assert value(known.ColourBlind, "joint_success_drop", scale=1.0, amounts="ends").high <= 0.1
    _, cells, plan, _ = run(known.ColourBlind)
    assert joint.reached(cells, plan.criteria) == 1


def test_a_box_stops_growing_where_success_was_lost():
    _, cells, plan, _ = run(ReadsMuchTogether)
    reached = joint.reached(cells, plan.criteria)

    assert 0 < reached < 1
    assert max(scale for scale, _ in tried(ReadsMuchTogether)) == min(
        scale for scale in JOINT_SCALES if scale > reached
    )
    search = of(cells, "worst_case", nuisance="joint")[0].condition
    assert search["is_admitted"]
    assert search["high.blur"] == reached * box(cells, plan.criteria)["blur"].high


def test_where_no_box_holds_the_smallest_one_is_searched_and_called_not_admitted():
    _, cells, plan, _ = run(known.ColourBlind)
    gone = [cell for cell in cells if cell.condition.get("loop") != "joint"]

    found = searches(gone, plan.criteria)["joint"]

    assert not any(extent.is_admitted for extent in found)
    assert {e.nuisance: e.high for e in found}["blur"] == 0.25 * box(cells, plan.criteria)[
        "blur"
    ].high


def test_a_class_that_fails_is_not_in_the_box():
    _, cells, plan, _ = run(known.BackgroundReader)

    assert "background.color" not in box(cells, plan.criteria)
    assert len(box(cells, plan.criteria)) == 7


def test_an_amount_that_rounds_to_nominal_is_no_range_to_search():
    _, cells, plan, _ = run(known.BackgroundReader)
    rounded = [
        cell.model_copy(update={"condition": {**cell.condition, "amount": 0.0}})
        if cell.condition.get("nuisance") == "background.color"
        and cell.condition.get("strength") == 0.5
        and cell.condition.get("frames") == "current"
        else cell
        for cell in cells
    ]

    found = searched(rounded, plan.criteria)["background.color"]

    assert not found.is_admitted
    assert found.high > 0


def test_cases_are_searched_that_were_solved_with_the_stream_they_keep():
    bench, cells, _, _ = run(known.BackgroundReader)
    clean = {
        c.condition["stream"]: c.rows["success"]
        for c in of(
            cells,
            "planning",
        )
        if "stream" in c.condition
    }

    for number in searched_cases(cells, 20):
        assert clean[bench.streams_of_cases[number]][number]


@pytest.mark.parametrize("model", [known.BackgroundReader, known.ColourBlind, ReadsBothTogether])
def test_a_whole_run_follows_from_its_plan_and_less_does_not(model):
    _, cells, plan, _ = run(model)

    assert contradiction(cells, plan, PROFILE) == ""
    for gone in [*of(cells, "nuisance_shift", loop="joint"), *of(cells, "worst_case")]:
        left = [cell for cell in cells if cell is not gone]
        if of(left, "worst_case"):
            assert "there is no such cell" in contradiction(left, plan, PROFILE), gone.condition


def test_rows_or_a_box_that_were_changed_are_noticed():
    _, cells, plan, _ = run(known.ColourBlind)

    def judged(old, **update):
        return contradiction(
            [c.model_copy(update=update) if c is old else c for c in cells], plan, PROFILE
        )

    search = of(cells, "worst_case", nuisance="blur")[0]
    fewer = {name: column[1:] for name, column in search.rows.items()}
    together = of(cells, "nuisance_shift", loop="joint", amounts="ends")[-1]
    smaller = {**together.condition, "high.blur": 1.0}
    narrower = {**search.condition, "high.blur": 1.0}

    assert "are not the first 20 solved cases" in judged(search, rows=fewer)
    assert "there is no such cell" in judged(together, condition=smaller)
    assert "there is no such cell" in judged(search, condition=narrower)


@pytest.mark.parametrize("num_broken", [0, 1, 2])
def test_few_broken_cases_are_a_share_without_a_smallest_amount(num_broken):
    _, cells, _, _ = run(known.BackgroundReader)
    search = of(cells, "worst_case", nuisance="background.color")[0]
    rows = {
        **search.rows,
        "broken": [n < num_broken for n in range(20)],
        "size": [30.0 if n < num_broken else None for n in range(20)],
    }
    few = search.model_copy(update={"rows": rows})

    found = {m.quantity: m for m in WorstCase().summarise([few], [], seed=0)}

    assert found["broken_share"].estimate.value == num_broken / 20
    assert found["smallest_amount"].estimate is None
    assert f"broken cases: {num_broken}," in found["smallest_amount"].note


def test_a_mix_of_one_is_that_nuisance_and_a_mix_of_none_is_the_clean_frame():
    world = known.WORLD
    states = world.sample_states(np.random.default_rng(0), 4)
    seeds = FrameSeeds(np.arange(4), np.zeros(4, dtype=np.int64))
    alone = find("light.gain").render_amount(world, states, "darker", 0.5, seeds)

    assert (mixture.draw(world, states, (), seeds) == world.render(states)).all()
    mix = (Change("light.gain", "darker", 0.5, 1.0),)
    assert (mixture.draw(world, states, mix, seeds) == alone).all()


def test_changes_of_a_mix_do_not_undo_one_another():
    world = known.WORLD
    states = world.sample_states(np.random.default_rng(0), 4)
    seeds = FrameSeeds(np.arange(4), np.zeros(4, dtype=np.int64))
    mix = (
        Change("background.color", "to_navy", 30.0, 0.0),
        Change("light.gain", "darker", 0.5, 1.0),
    )

    look = mixture.draw(world, states, mix, seeds)[0, 0, :, 0]

    assert look[15] == 25
    assert tuple(look[6:9]) != (255, 255, 255)


def test_each_case_is_seen_under_its_own_mix_whatever_the_batch():
    states = known.WORLD.sample_states(np.random.default_rng(0), 3)
    mixes = [(), (Change("blur", "isotropic", 6.0, 0.0),), (Change("noise", "white", 3.0, 0.0),)]
    drawn = Look(mixes, np.array([11, 12, 13])).drawn(known.WORLD)
    time = np.zeros(3, dtype=np.int64)

    together = drawn(states[[2, 0, 1]], FrameSeeds(np.array([13, 11, 12]), time))
    alone = drawn(states[1:2], FrameSeeds(np.array([12]), time[:1]))

    assert (together[2] == alone[0]).all()
    assert together[0, 0, 18, 0] == 3
    assert together[1, 0, 17, 0] == 0


def test_a_mix_stays_inside_its_box_and_reaches_both_sides():
    extents = {
        "light.gain": Extent("light.gain", "gain", 1.0, 0.8, 1.3),
        "blur": Extent("blur", "px", 0.0, 0.0, 2.0),
    }
    drawn = [joint.mixed(known.WORLD, extents, "uniform", seed) for seed in range(200)]
    gains = np.array([mix[0].amount for mix in drawn])
    ends = {
        change.amount
        for seed in range(50)
        for change in joint.mixed(known.WORLD, extents, "ends", seed)
    }

    assert 0.8 <= gains.min() < 0.85
    assert 1.25 < gains.max() <= 1.3
    assert ends == {0.8, 1.3, 2.0}


def test_a_profile_without_a_search_runs_none():
    bench = known.bench(known.ColourBlind(), profile=replace(PROFILE, num_worst_cases=0))

    assert of(audit.run(bench, SUITES).cells, "worst_case") == []
