import json

import numpy as np
import pytest

from lewm.adapter import AuditableModel, load_model
from lewm.collection.straight_walker import StraightWalker
from lewm.evaluation import cases as case_files
from lewm.evaluation.closed_loop import model_actor, random_actor, run_cases
from lewm.pretrained import bundled
from lewm.pretrained.recipe import (
    CASES,
    FOLDER,
    MODEL,
    PLAN,
    SHIPPED_SEED,
    TRAIN,
    sampled_cases,
    world,
)

FINAL_DIGEST = "cc13624f830c44c8f5213e422fef165485e77b6a5cf148a5f593b77901b02a3e"


@pytest.fixture(scope="module")
def model() -> AuditableModel:
    return load_model(bundled("two_room"))


def test_the_bundled_model_fits_its_world_and_is_small(model):
    model.require_world(world())
    assert model.world == world().scope()
    assert bundled("two_room").stat().st_size <= 6_000_000


def test_the_bundled_model_is_the_one_its_record_and_recipe_speak_of(model):
    record = json.loads((FOLDER / "two_room.json").read_text())
    assert record["sha256"] == model.files[0].sha256
    assert record["training"]["train"] == TRAIN.to_json()
    assert record["training"]["train"]["seed"] == SHIPPED_SEED
    assert record["training"]["model"] == MODEL.to_json() == model.config.to_json()
    assert model.plan_config == PLAN


def test_the_final_cases_are_frozen_and_the_record_is_about_them():
    final = case_files.load(FOLDER / "cases_final.json")
    record = json.loads((FOLDER / "two_room.json").read_text())
    assert final.digest() == record["evaluation"]["sha256"] == FINAL_DIGEST
    assert {arm["num_cases"] for arm in record["evaluation"]["arms"]} == {final.num_cases} == {400}
    assert not world().solved(final.starts, final.goals).any()


@pytest.mark.parametrize("name", CASES)
def test_frozen_cases_are_those_that_their_seed_gives(name):
    assert sampled_cases(name).digest() == case_files.load(FOLDER / f"{name}.json").digest()


def test_tuning_cases_share_nothing_with_the_final_ones():
    final = case_files.load(FOLDER / "cases_final.json")
    tuning = case_files.load(FOLDER / "cases_tuning.json")
    assert not {*map(tuple, final.starts)} & {*map(tuple, tuning.starts)}


def test_the_bundled_model_plans_where_random_actions_fail(model):
    tuning = case_files.load(FOLDER / "cases_tuning.json")
    few = case_files.Cases(tuning.starts[:16], tuning.goals[:16], tuning.origin, 0)
    task = world()

    def solved(act) -> float:
        return run_cases(task, few, act, budget_env_steps=50, execute_env_steps=25, seed=0).mean()

    assert solved(model_actor(model, PLAN)) >= 0.75
    assert solved(random_actor(25, 2)) <= 0.4


def test_the_straight_walker_bumps_into_the_wall_and_repeats_with_its_seed():
    task = world()

    def walk() -> np.ndarray:
        rngs = [np.random.default_rng(i) for i in range(8)]
        states = np.concatenate([task.sample_states(rng, 1) for rng in rngs])
        act = StraightWalker().start(task, rngs, 60)
        visited = []
        for _ in range(60):
            states = task.step(states, act(states))
            visited.append(states)
        return np.stack(visited)

    path = walk()
    low, high = task.wall_range
    touching = (np.abs(path[..., 0] - low) < 0.6) | (np.abs(path[..., 0] - high) < 0.6)
    assert touching.mean() > 0.02
    assert np.array_equal(path, walk())
