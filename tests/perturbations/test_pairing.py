"""Arms are paired: each case keeps its start, its goal and its planner stream."""

import numpy as np
import pytest

from envelope.records import Cell
from perturbations.bench import Bench
from perturbations.closed_loop import Loop
from perturbations.statistics import stats
from perturbations.suites import planning
from perturbations.suites.nuisance_shift import NuisanceShift
from tests import known_models as known
from tests.perturbations.audits import audited


def cell(arm, condition, **rows):
    return Cell(
        id="0" * 64,
        suite="planning",
        arm=arm,
        condition=condition,
        cases="1" * 64,
        status="done",
        rows=rows,
        error="",
    )


CLEAN = [
    cell("model", {"stream": 0}, success=[True, False, False, False]),
    cell("model", {"stream": 1}, success=[False, True, False, False]),
    cell("model", {"stream": 2}, success=[False, False, True, True]),
]


def test_a_case_is_paired_with_the_clean_row_of_its_own_stream():
    other = cell("random", {}, stream=[0, 1, 2, 0], success=[True] * 4)

    paired, problem = planning.paired_with(CLEAN, other, "success")

    assert problem == ""
    assert paired is not None
    assert paired.tolist() == [1, 1, 1, 0]


@pytest.mark.parametrize("stream", [7, 1e300])
def test_a_stream_that_the_clean_arm_does_not_have_pairs_with_nothing(stream):
    other = cell("random", {}, stream=[stream] * 4, success=[True] * 4)

    paired, problem = planning.paired_with(CLEAN, other, "success")

    assert paired is None
    assert "no planner stream" in problem


def test_the_drop_under_a_nuisance_is_counted_case_by_case():
    condition = {
        "nuisance": "blur",
        "direction": "isotropic",
        "unit": "px",
        "loop": "closed",
        "strength": 1.0,
        "amount": 12.0,
        "nominal": 0.0,
        "frames": "current",
    }
    rng = np.random.default_rng(0)
    success = rng.random((3, 60)) < 0.7
    stream = np.arange(60) % 3
    before = success[stream, np.arange(60)]
    after = before & (rng.random(60) < 0.8)
    clean = [cell("model", {"stream": s}, success=success[s].tolist()) for s in range(3)]
    shifted = cell("model", condition, stream=stream.tolist(), success=after.tolist())
    shifted = shifted.model_copy(update={"suite": "nuisance_shift"})

    found = NuisanceShift().summarise([*clean, shifted], [], seed=0)

    drop = next(one for one in found if one.quantity == "success_drop")
    assert drop.estimate == stats.paired_difference(before, after)
    assert drop.p_holm == stats.mcnemar(before, after)


def test_one_row_per_case_takes_the_streams_in_turn():
    assert planning.one_per_case(CLEAN, "success").tolist() == [True, True, True, False]


def test_references_and_shifted_arms_spread_the_cases_over_all_streams():
    bench, found, _ = audited("Oracle")
    arms = [
        one
        for one in found.cells
        if "success" in one.rows and one.suite != "horizon_drift" and "stream" not in one.condition
    ]

    assert len(arms) >= 6
    for one in arms:
        assert one.rows["stream"] == bench.streams_of_cases.tolist(), one.condition
    assert sorted(set(bench.streams_of_cases.tolist())) == [0, 1, 2]


def test_a_solved_case_is_no_longer_watched(monkeypatch):
    bench = known.bench(known.Drifting())
    asked, scores = {}, Bench.scores

    def watched(bench, seen, blocks):
        asked[blocks.shape[1]] = len(blocks)
        return scores(bench, seen, blocks)

    monkeypatch.setattr(Bench, "scores", watched)
    rows = Loop("model", bench.cases, np.zeros(len(bench.cases), dtype=int), 30).run(bench)

    needed = -(-np.array(rows["env_steps"]) // bench.block_size)
    lengths, counts = np.unique(needed, return_counts=True)
    assert len(lengths) > 1
    assert asked == dict(zip(lengths.tolist(), counts.tolist(), strict=True))
