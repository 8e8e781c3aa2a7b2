import numpy as np
import pytest

from perturbations.closed_loop import Loop
from perturbations.driving.acting import executed
from perturbations.episodes import Cases
from perturbations.nuisances.classes import find
from tests import known_models as known


def run(bench, **changes):
    parts = {
        "arm": "model",
        "cases": bench.cases,
        "streams": np.zeros(len(bench.cases), dtype=int),
        "budget_env_steps": 30,
    }
    return Loop(**{**parts, **changes}).run(bench)


@pytest.fixture(scope="module")
def bench():
    return known.bench(known.Oracle())


def test_the_true_dynamics_and_the_perfect_model_find_the_same_plans(bench):
    model, world = run(bench), run(bench, arm="true_dynamics")

    assert model["success"] == world["success"]
    assert np.mean(model["success"]) > 0.9


def test_success_is_latched_at_the_env_step_that_reaches_the_goal(bench):
    rows = run(bench)
    short = run(bench, budget_env_steps=min(rows["env_steps"]), watched=False)

    assert 0 < min(rows["env_steps"]) < 30
    assert sum(short["success"]) >= 1
    assert all(
        steps == 30 for steps, ok in zip(rows["env_steps"], rows["success"], strict=True) if not ok
    )


def test_a_case_does_not_depend_on_the_others_in_its_batch(bench):
    whole = run(bench)
    some = Cases(bench.cases.starts[:5], bench.cases.goals[:5], 15)

    alone = run(bench, cases=some, streams=np.zeros(5, dtype=int))

    assert alone["env_steps"] == whole["env_steps"][:5]
    assert alone["surprise"] == pytest.approx(whole["surprise"][:5], rel=1e-3, abs=1e-8)


def test_streams_plan_differently_and_one_stream_repeats_itself(bench):
    ones = np.ones(len(bench.cases), dtype=int)

    assert run(bench) == run(bench)
    assert run(bench, streams=ones)["env_steps"] != run(bench)["env_steps"]


def test_random_actions_are_a_floor_and_no_monitor_scores_them(bench):
    rows = run(bench, arm="random")

    assert np.mean(rows["success"]) < 0.5
    assert "surprise" not in rows


def test_a_shift_of_both_frames_cancels_where_a_shift_of_one_misleads():
    bench = known.bench(known.BackgroundReader())
    shift = find("background.color").shift(known.WORLD, "to_navy", 1.0)
    solved = {
        frames: np.mean(run(bench, shift=shift, shifted_frames=frames)["success"])
        for frames in ("current", "goal", "both")
    }

    assert solved["both"] > 0.9
    assert max(solved["current"], solved["goal"]) < 0.5


def test_a_shift_of_the_goal_alone_is_invisible_to_the_monitor():
    bench = known.bench(known.Startled())
    shift = find("background.color").shift(known.WORLD, "to_navy", 1.0)
    quiet = np.median(run(bench, shift=shift, shifted_frames="goal")["surprise"])
    loud = np.median(run(bench, shift=shift, shifted_frames="current")["surprise"])

    assert loud > 10 * quiet


def test_strength_zero_is_the_clean_arm(bench):
    shift = find("blur").shift(known.WORLD, "isotropic", 0.0)

    found = run(bench, shift=shift, shifted_frames="both")

    assert {name: column for name, column in found.items() if "~" not in name} == run(bench)


def test_a_plan_that_is_no_number_is_refused(bench):
    with pytest.raises(ValueError, match="plan 1 of 2"):
        executed(bench, np.array([[[0.0, 0.0]], [[np.nan, 0.0]]]))


def test_actions_are_cut_to_what_the_world_carries_out():
    class Limited(known.DotWorld):
        action_range = (-1.0, 1.0)

    bench = known.bench(known.Oracle(), world=Limited())

    assert executed(bench, np.full((1, 1, 2), 3.0)).max() == 1.0


def test_an_unwatched_loop_has_no_scores(bench):
    assert "surprise" not in run(bench, watched=False)
