"""The colour-randomised twin: how its colours are drawn, and the loop that the audit is held to."""

from dataclasses import dataclass

import numpy as np
import pytest

from envelope.records import Estimate
from lewm.adapter import AuditableModel, load_model
from lewm.checkpoints.checkpoint import load_checkpoint
from lewm.data.episodes import Episodes
from lewm.evaluation import cases as case_files
from lewm.evaluation.closed_loop import model_actor, run_cases
from lewm.pretrained import bundled, recipe
from perturbations.nuisances import color
from perturbations.nuisances.color_ways import TARGETS
from tests.benchmarks import color_loop, color_twin_recipe

WHITE = np.array([255, 255, 255])
NAVY = np.array([0, 0, 128])


def test_backgrounds_stay_within_reach_and_differ_from_draw_to_draw():
    drawn = color_twin_recipe.drawn_backgrounds(200, 20.0, np.random.default_rng(0))

    away = color.delta_e(drawn, WHITE)
    assert away.max() <= 20.5  # grey levels are whole numbers
    assert away.min() < 2
    assert len(np.unique(drawn, axis=0)) > 190


def test_recolouring_paints_every_frame_anew_and_leaves_what_happened_alone():
    world = recipe.world()
    states = np.full((1, 4, 2), 60.0)
    actions = np.zeros((1, 3, 2), dtype=np.float32)
    before = Episodes(world.render(states[0])[None], actions, states)

    after = color_twin_recipe.recolored(before, 45.0)

    row, column = 8, 48  # in the other room, away from the agent
    assert len(np.unique(after.frames[0, :, row, column], axis=0)) == 4
    agent = int(60 * 64 / 224)
    np.testing.assert_allclose(after.frames[0, :, agent, agent], [[255, 0, 0]] * 4, atol=1)
    np.testing.assert_array_equal(after.states, states)
    again = color_twin_recipe.recolored(before, 45.0)
    np.testing.assert_array_equal(after.frames, again.frames)


def test_each_stage_reaches_further_than_the_one_before():
    reaches = [stage.reach_delta_e for stage in color_twin_recipe.STAGES]
    assert reaches == sorted(set(reaches))


def displacement(model: AuditableModel, background: np.ndarray) -> float:
    """How far latents move under a background, in units of ten px of movement."""
    world = recipe.world()
    states = world.sample_states(np.random.default_rng(1), 100)
    clean = model.encode(world.render(states))
    moved = model.encode(world.render(states + np.array([10.0, 0.0])))
    painted = model.encode(world.render(states, {"background.color": background}))
    return float((painted - clean).norm(dim=1).median() / (moved - clean).norm(dim=1).median())


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_the_twin_that_ships_hardly_sees_backgrounds_that_carry_the_bundled_model_away(target):
    background = color.between(WHITE, target, 18 / float(color.delta_e(WHITE, target)))

    assert displacement(load_model(bundled(color_twin_recipe.NAME)), background) < 0.5
    assert displacement(load_model(bundled("two_room")), background) > 3


def test_the_twin_that_ships_says_what_it_was_tuned_from_and_on():
    twin = load_checkpoint(bundled(color_twin_recipe.NAME))
    base = load_checkpoint(bundled("two_room"))
    stages = color_twin_recipe.STAGES

    assert twin.tuning[0]["from"] == base.sha256
    assert [step["train"] for step in twin.tuning] == [one.train.to_json() for one in stages]
    assert [step["background_colors"]["reach_delta_e"] for step in twin.tuning] == [
        one.reach_delta_e for one in stages
    ]
    assert (twin.world, twin.config) == (base.world, base.config)


def test_the_twin_that_ships_plans_where_random_actions_fail():
    twin, world = load_model(bundled(color_twin_recipe.NAME)), recipe.world()
    tuning = case_files.load(recipe.FOLDER / "cases_tuning.json")
    few = case_files.Cases(tuning.starts[:16], tuning.goals[:16], tuning.origin, 0)
    act = model_actor(twin, twin.plan_config)

    assert run_cases(world, few, act, budget_env_steps=50, execute_env_steps=25).mean() >= 0.75


def estimate(low: float, high: float) -> Estimate:
    return Estimate(
        value=(low + high) / 2, low=low, high=high, episodes=100, interval="newcombe", seed=0
    )


@pytest.mark.parametrize(
    ("drop", "alarms", "outcome"),
    [
        ((-0.02, 0.05), [(0.9, 1.0)], "robust"),
        ((0.05, 0.2), [(0.9, 1.0)], "inconclusive"),
        ((0.5, 0.7), [(0.1, 0.2), (0.9, 1.0)], "fails_loudly"),
        ((0.5, 0.7), [(0.1, 0.2), (0.3, 0.4)], "fails_silently"),
        ((0.5, 0.7), [(0.1, 0.2), (0.7, 0.9)], "fails_alarm_unknown"),
    ],
)
def test_lost_success_is_loud_when_one_monitor_alarms_and_silent_when_none_does(
    drop, alarms, outcome
):
    found = color_loop.Found(
        success=estimate(0, 1),
        drop=estimate(*drop),
        alarms={str(number): estimate(*ends) for number, ends in enumerate(alarms)},
        redrawn=(),
    )
    assert found.outcome(allowed_drop=0.1, detection_rate=0.8) == outcome


@dataclass(frozen=True)
class Plan:
    actions: np.ndarray


class RandomPlans:
    """In place of a search, which would take seconds."""

    def plan(self, model, frames, goals, seeds):
        drawn = [np.random.default_rng(seed).uniform(-1, 1, (25, 2)) for seed in seeds]
        return Plan(np.stack(drawn))


def test_the_loop_of_its_own_hears_a_navy_room_and_nothing_in_the_lawful_one(monkeypatch):
    monkeypatch.setattr(color_loop, "make_planner", lambda config: RandomPlans())
    monkeypatch.setattr(color_loop, "NUM_CASES", 10)
    monkeypatch.setattr(color_loop, "NUM_CALIBRATION", 60)
    monkeypatch.setattr(color_loop, "NUM_REDRAWN", 2)
    thresholds = {"surprise": 0.5, "shell": 1.5}
    loop = color_loop.Loop(load_model(bundled("two_room")), thresholds, seed=0)

    lawful, navy = loop.under(WHITE), loop.under(NAVY)

    assert lawful.drop.value == 0
    assert max(lawful.redrawn) <= 0.3
    assert lawful.alarms["shell"].value == 0
    assert navy.alarms["shell"].value == 1
    assert navy.redrawn == (1, 1)
