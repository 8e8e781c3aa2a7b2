import json
from dataclasses import replace

import numpy as np
import pytest

from perturbations.cells.runner import CellKey, CellStore, Runner
from perturbations.seeding import derive_seed, digest_arrays

KEY = CellKey(
    suite="voe",
    arm="model",
    condition={"violation": "teleport", "magnitude": 80.0},
    cases="a" * 64,
    seed=1,
    streams=(0, 1),
    identity={"model": "m", "world": "w"},
)


def rows():
    return {"case": [0, 1], "success": np.array([True, False]), "surprise": [0.25, None]}


def must_not_run():
    raise AssertionError("ran again")


@pytest.mark.parametrize(
    "change",
    [
        {"suite": "planning"},
        {"arm": "random"},
        {"condition": {"violation": "teleport", "magnitude": 40.0}},
        {"cases": "b" * 64},
        {"seed": 2},
        {"streams": (0,)},
        {"identity": {"model": "n", "world": "w"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_decides_the_rows_changes_the_id(change):
    assert replace(KEY, **change).id != KEY.id


def test_a_finished_cell_is_read_back_with_its_first_cost(tmp_path):
    first = Runner(CellStore(tmp_path))
    made = first.run(KEY, rows)

    again = Runner(CellStore(tmp_path))
    found = again.run(KEY, must_not_run)

    assert found == made
    assert made.rows == {"case": [0, 1], "success": [True, False], "surprise": [0.25, None]}
    assert (again.reused_cells, again.run_cells) == (1, 0)
    assert again.seconds["voe"] == pytest.approx(first.seconds["voe"])


def test_reusing_cells_makes_a_measurement_no_younger(tmp_path):
    first = Runner(CellStore(tmp_path))
    first.run(KEY, lambda: {"x": [1]})
    again = Runner(CellStore(tmp_path))
    again.run(replace(KEY, seed=KEY.seed + 1), lambda: {"x": [2]})
    again.run(KEY, lambda: {"x": [1]})

    assert again.oldest == first.oldest is not None


def test_a_crash_keeps_its_message_is_not_stored_and_runs_again(tmp_path):
    def crash():
        raise RuntimeError("out of memory in /home/someone/secret/model.pt")

    crashed = Runner(CellStore(tmp_path)).run(KEY, crash)

    assert (crashed.status, crashed.rows) == ("crashed", {})
    assert crashed.error == "RuntimeError: out of memory in .../model.pt"
    assert not list(tmp_path.iterdir())
    assert Runner(CellStore(tmp_path)).run(KEY, rows).status == "done"


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), np.float32("nan")])
def test_a_number_that_is_not_finite_is_a_crash(bad):
    cell = Runner().run(KEY, lambda: {"case": [0, 1], "surprise": [0.5, bad]})

    assert cell.status == "crashed"
    assert "column surprise holds" in cell.error
    assert "row 1" in cell.error


def test_columns_of_unequal_length_are_a_crash():
    cell = Runner().run(KEY, lambda: {"case": [0, 1], "success": [True]})

    assert cell.status == "crashed"
    assert "one length" in cell.error


def test_an_interrupt_is_not_a_crash(tmp_path):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Runner(CellStore(tmp_path)).run(KEY, interrupted)


def test_a_killed_run_goes_on_where_it_stopped(tmp_path):
    keys = [replace(KEY, seed=seed) for seed in range(5)]
    first = Runner(CellStore(tmp_path))
    for key in keys[:3]:
        first.run(key, rows)

    second = Runner(CellStore(tmp_path))
    cells = [second.run(key, rows) for key in keys]

    assert (second.reused_cells, second.run_cells) == (3, 2)
    assert [cell.id for cell in cells] == [key.id for key in keys]


@pytest.mark.parametrize("damage", ["", "{", '{"format": "cell/0.1"}', "another"])
def test_a_damaged_file_is_run_again_not_believed(tmp_path, damage):
    Runner(CellStore(tmp_path)).run(KEY, rows)
    path = tmp_path / f"{KEY.id}.json"
    if damage == "another":
        data = json.loads(path.read_text())
        data["cell"]["id"] = "f" * 64
        damage = json.dumps(data)
    path.write_text(damage)
    runner = Runner(CellStore(tmp_path))

    assert runner.run(KEY, rows).status == "done"
    assert runner.run_cells == 1


def test_progress_hears_of_every_cell():
    heard = []
    runner = Runner(progress=heard.append)
    runner.run(KEY, rows)

    assert [(p.cell.id, p.reused) for p in heard] == [(KEY.id, False)]


def test_seeds_depend_on_every_part_and_on_their_order():
    seeds = {derive_seed(*parts) for parts in [(1, 2), (2, 1), (12,), (1, "2"), (1, 2, 0)]}

    assert len(seeds) == 5
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_digest_sees_values_shapes_and_names():
    array = np.arange(6.0)

    digests = {
        digest_arrays(a=array),
        digest_arrays(b=array),
        digest_arrays(a=array.reshape(2, 3)),
        digest_arrays(a=array + 1),
        digest_arrays(a=array.astype(np.float32)),
    }

    assert len(digests) == 5
    assert digest_arrays(a=array) == digest_arrays(a=array.astype(">f8"))
