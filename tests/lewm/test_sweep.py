import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from lewm.config import tiny
from lewm.data.held_out import EpisodeSubset, split_episodes
from lewm.data.windows import MemorySource
from lewm.errors import LewmError
from lewm.planning.plan_config import small_planner
from lewm.training.sweep import Sweep, effective_rank, run_sweep, table
from tests.lewm.dots import SIZE, record
from tests.lewm.test_train import CONFIG

SWEEP = Sweep(
    model=replace(tiny(image_size=SIZE), dropout=0.0),
    config=replace(CONFIG, num_updates=4, warmup_updates=1, log_every_updates=4),
    plan_config=small_planner(),
    world={"world": "dots", "size_px": SIZE, "factors": {}},
    held_out=0.2,
    num_cases=0,
)


def run(out, *, sweep: Sweep = SWEEP, weights=(0.01, 0.1)):
    return run_sweep(sweep, MemorySource(record(episodes=10)), weights=weights, seeds=[0], out=out)


def test_a_sweep_measures_every_run_on_episodes_that_none_was_trained_on(tmp_path):
    rows = run(tmp_path)

    assert [(row["weight"], row["seed"]) for row in rows] == [(0.01, 0), (0.1, 0)]
    assert all(row["num_held_out_episodes"] == 2 for row in rows)
    assert all(row["prediction"] > 0 and row["success"] is None for row in rows)
    assert all(1 <= row["effective_rank"] <= SWEEP.model.latent_width for row in rows)
    assert json.loads((tmp_path / "sweep.json").read_text()) == rows
    assert len(table(rows)) == 3
    assert "unmeasured" in table(rows)[1]


def test_what_is_finished_is_not_run_again(tmp_path):
    first = run(tmp_path, weights=(0.01,))
    before = (tmp_path / "weight-0.01-seed-0.pt").stat().st_mtime_ns

    both = run(tmp_path)

    assert both[0] == first[0]
    assert (tmp_path / "weight-0.01-seed-0.pt").stat().st_mtime_ns == before
    assert not list(tmp_path.glob("*.state"))


def test_runs_of_another_recipe_are_not_taken_for_these(tmp_path):
    run(tmp_path, weights=(0.01,))
    other = replace(SWEEP, config=replace(SWEEP.config, learning_rate=2e-3))
    with pytest.raises(LewmError, match="a run with another train"):
        run(tmp_path, sweep=other, weights=(0.01,))


def test_episodes_are_split_without_overlap():
    kept, held_out = split_episodes(10, held_out=0.25, seed=0)
    assert sorted([*kept, *held_out]) == list(range(10))
    assert len(held_out) == 2
    with pytest.raises(LewmError, match="1 of 1 episodes"):
        split_episodes(1, held_out=0.1, seed=0)


def test_a_subset_reads_its_own_episodes():
    source = MemorySource(record(episodes=5))
    subset = EpisodeSubset(source, [1, 4])
    times = np.array([0, 3])
    assert np.array_equal(subset.read_frames(1, times), source.read_frames(4, times))
    assert np.array_equal(subset.read_actions(0), source.read_actions(1))
    assert np.array_equal(
        subset.read_column("action", 1, times), source.read_column("action", 4, times)
    )
    assert np.array_equal(
        subset.read_windows(np.array([1]), times[None])[0], source.read_frames(4, times)
    )
    assert subset.digest() not in (source.digest(), EpisodeSubset(source, [1, 3]).digest())


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_the_effective_rank_of_an_even_cloud_is_its_dimension(rank):
    z = torch.zeros(2 * rank, 1, 4, dtype=torch.float64)
    for i in range(rank):
        z[2 * i, 0, i], z[2 * i + 1, 0, i] = 1.0, -1.0
    assert effective_rank(z) == pytest.approx(rank, abs=1e-6)
