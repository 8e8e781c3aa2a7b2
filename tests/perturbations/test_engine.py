"""Cells in several processes: the same rows, no cell twice, and no process that matters."""

from functools import partial

import pytest

from perturbations import audit
from perturbations.cells.claimed import Claims
from perturbations.cells.runner import CellKey, CellStore, Held, Runner, each
from perturbations.engine import LOST, SharingRunner, calls_of_suites, run_ahead, walk
from perturbations.suites import shift_plan
from tests.perturbations import sharing

SUITES = ("planning", "nuisance_shift", "horizon_drift")


def key(arm="model"):
    return CellKey(suite="s", arm=arm, condition={"a": 1}, cases="c" * 64, seed=0)


def rows_of(cells):
    return {cell.id: (cell.status, cell.rows) for cell in cells}


def sharing_runner(tmp_path, progress=None):
    (tmp_path / "claims").mkdir(exist_ok=True)
    return SharingRunner(CellStore(tmp_path / "cells"), Claims(tmp_path / "claims"), progress)


def never():
    raise AssertionError("it runs in another process")


# --- claims -------------------------------------------------------------------------------------


def test_a_cell_is_claimed_once_and_free_again_afterwards(tmp_path):
    one, other = Claims(tmp_path), Claims(tmp_path)

    with one.on("x") as first, other.on("x") as second, other.on("y") as elsewhere:
        assert (first, second, elsewhere) == ("free", "held", "free")
    with other.on("x") as again:
        assert again == "free"
    assert one.lost() == []


def test_a_cell_over_which_a_process_died_is_lost(tmp_path):
    (tmp_path / "x.lock").write_text("begun", encoding="utf-8")

    with Claims(tmp_path).on("x") as claim:
        assert claim == "lost"
    assert Claims(tmp_path).lost() == ["x"]


# --- a runner that shares -----------------------------------------------------------------------


def test_a_cell_that_another_process_runs_is_known_but_for_its_rows(tmp_path):
    runner = sharing_runner(tmp_path)

    with runner.claims.on(key().id):
        cell = runner.run(key(), never)

    assert (cell.id, cell.suite, cell.condition) == (key().id, "s", {"a": 1})
    assert runner.waits_for == [key().id]
    for name in ("rows", "status", "error"):
        with pytest.raises(Held):
            getattr(cell, name)


def test_what_waits_for_another_process_is_no_crash_and_runs_later(tmp_path):
    runner = sharing_runner(tmp_path)

    def outer():
        return {"n": [len(runner.run(key("inner"), lambda: {"n": [1]}).rows)]}

    with runner.claims.on(key("inner").id), pytest.raises(Held):
        runner.run(key("outer"), outer)

    assert runner.run(key("outer"), outer).rows == {"n": [1]}


def test_a_crash_is_told_to_the_others_and_not_tried_again(tmp_path):
    def broken():
        raise RuntimeError("no such latent")

    sharing_runner(tmp_path).run(key(), broken)
    cell = sharing_runner(tmp_path).run(key(), never)

    assert (cell.status, cell.error) == ("crashed", "RuntimeError: no such latent")


def test_what_does_not_wait_is_done_before_waiting():
    done = []

    def held():
        raise Held

    with pytest.raises(Held):
        each([partial(done.append, 1), held, partial(done.append, 2)])
    assert done == [1, 2]


def test_a_class_that_waits_does_not_keep_the_others_from_being_bisected():
    ladders = {name: [[_shift(name, s) for s in (0.5, 1.0)]] for name in ("a", "b")}
    ran = []

    def drop(shift, frames):
        if shift.nuisance == "a":
            raise Held
        ran.append((shift.strength, frames))
        return 0.0

    with pytest.raises(Held):
        shift_plan._bisect(ladders, drop, limit=0.1)
    assert ran == [(0.5, "current"), (1.0, "current")]


@pytest.mark.parametrize(
    ("breaks_at", "ran"),
    [
        (0.05, [0.2, 0.05]),
        (0.1, [0.2, 0.05, 0.1]),
        (0.2, [0.2, 0.05, 0.1]),
        (0.5, [0.2, 0.5]),
        (1.0, [0.2, 0.5, 1.0]),
        (2.0, [0.2, 0.5, 1.0]),
    ],
)
def test_bisection_ends_between_two_neighbouring_strengths(breaks_at, ran):
    ladder = [_shift("a", s) for s in (0.05, 0.1, 0.2, 0.5, 1.0)]
    seen = []

    def drop(shift, frames):
        if frames == "current":
            seen.append(shift.strength)
        return 0.5 if shift.strength >= breaks_at else 0.0

    shift_plan._bisect({"a": [ladder]}, drop, limit=0.1)
    assert seen == ran


@pytest.mark.parametrize(("breaks_at", "asked"), [(0.2, []), (0.5, [0.2]), (2.0, [1.0])])
def test_the_runner_up_runs_once_at_the_strongest_harmless_strength(breaks_at, asked):
    ladders = [[_shift("a", s, way) for s in (0.2, 0.5, 1.0)] for way in ("up", "down", "left")]
    seen = []

    def drop(shift, frames):
        if frames == "current":
            seen.append((shift.direction, shift.strength))
        return 0.5 if shift.strength >= breaks_at else 0.0

    shift_plan._bisect({"a": ladders}, drop, limit=0.1)

    assert [one for one in seen if one[0] != "up"] == [("down", strength) for strength in asked]


def test_directions_are_ranked_by_how_far_they_move_the_latent_at_their_strongest():
    far = {"up": 1.0, "down": 3.0, "left": 2.0}
    shifts = [_shift("a", s, way) for way in far for s in (1.0, 0.5)]

    ranked = shift_plan._directions(shifts, lambda shift: far[shift.direction] * shift.strength)

    assert [[(s.direction, s.strength) for s in ladder] for ladder in ranked["a"]] == [
        [(way, 0.5), (way, 1.0)] for way in ("down", "left", "up")
    ]


def _shift(name, strength, direction="up"):
    from perturbations.nuisances.nuisance import Shift

    return Shift(name, direction, strength, strength, "px", 0.0)


# --- whole runs ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ordinary():
    return rows_of(audit.run(sharing.oracle(Runner()), SUITES).cells)


def test_one_sharing_process_alone_runs_every_cell_once(tmp_path, ordinary):
    seen = []
    runner = sharing_runner(tmp_path, seen.append)

    walk(partial(calls_of_suites, sharing.oracle, SUITES), runner)

    ids = [progress.cell.id for progress in seen]
    assert len(set(ids)) == len(ids) >= len(ordinary)
    collected = Runner(runner.store)
    assert rows_of(audit.run(sharing.oracle(collected), SUITES).cells) == ordinary
    assert collected.run_cells == 0


def test_two_processes_find_what_one_finds_and_every_cell_ends_once(tmp_path, ordinary):
    seen = []
    runner = Runner(CellStore(tmp_path), seen.append)

    run_ahead(sharing.oracle, SUITES, runner, num_workers=2)
    ahead = len(seen)
    found = audit.run(sharing.oracle(runner), SUITES).cells

    assert rows_of(found) == ordinary
    assert len({progress.cell.id for progress in seen}) == len(seen) == ahead
    assert (runner.run_cells, runner.reused_cells) == (ahead, 0)
    assert list(tmp_path.glob("*.part")) == []


def test_a_process_that_dies_is_a_crashed_cell_and_nothing_else_is_lost(tmp_path, ordinary):
    runner = Runner(CellStore(tmp_path))

    run_ahead(sharing.deadly, ("horizon_drift",), runner, num_workers=1)
    cells = audit.run(sharing.deadly(runner), ("horizon_drift",)).cells

    crashed = [cell for cell in cells if cell.status == "crashed"]
    assert [(cell.suite, cell.error) for cell in crashed] == [("horizon_drift", LOST)]
    assert len(cells) > 1
    again = Runner(CellStore(tmp_path))  # the next run tries it again
    cells = audit.run(sharing.deadly(again), ("horizon_drift",)).cells
    assert {cell.status for cell in cells} == {"done"}
    assert again.run_cells == 1


def test_a_runner_without_a_store_cannot_share():
    with pytest.raises(ValueError, match="store"):
        run_ahead(sharing.oracle, SUITES, Runner(), num_workers=2)
