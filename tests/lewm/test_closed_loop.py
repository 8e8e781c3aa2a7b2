import numpy as np
import pytest

from lewm.cases import Cases
from lewm.closed_loop import model_actor, random_actor, run_cases, world_actor
from lewm.data import ActionStats
from lewm.plan_config import PlanConfig
from tests.lewm.dots import DotWorld, awake_model

PLAN = PlanConfig(num_samples=32, iterations=5, elites=6, horizon=2, execute_blocks=2)


class DotTask(DotWorld):
    """The dot world with a success rule."""

    def solved(self, states: np.ndarray, goals: np.ndarray) -> np.ndarray:
        return self.distance(states, goals) < 0.05


def cases(num: int = 20) -> Cases:
    rng = np.random.default_rng(0)
    starts, goals = rng.uniform(0.0, 0.4, (num, 2)), rng.uniform(0.6, 1.0, (num, 2))
    return Cases(starts, goals, {}, 0)


def run(act, *, num: int = 20, seed: int = 0) -> np.ndarray:
    return run_cases(
        DotTask(), cases(num), act, budget_env_steps=20, execute_env_steps=10, seed=seed
    )


def test_planning_on_the_true_dynamics_solves_what_random_actions_do_not():
    stats = ActionStats(mean=(0.0, 0.0), std=(0.6, 0.6))

    assert run(world_actor(DotTask(), PLAN, stats)).mean() == 1.0
    assert run(random_actor(10, 2)).mean() < 0.5


def test_a_case_has_the_same_outcome_whoever_runs_beside_it():
    actor = random_actor(10, 2)
    assert np.array_equal(run(actor, num=20)[:5], run(actor, num=5))


def test_a_solved_case_stays_solved_and_is_planned_for_no_more():
    planned_for = []

    def only_the_first_moves(states, goals, seeds):
        planned_for.append(states[:, 0].tolist())
        way = np.where(states[:, :1] < 0.5, 0.0, np.clip((goals - states) / 0.1, -1, 1))
        return way[:, None].repeat(10, axis=1)

    solved = run_cases(
        DotTask(),
        Cases(np.array([[0.5, 0.5], [0.1, 0.1]]), np.array([[0.7, 0.7], [0.9, 0.9]]), {}, 0),
        only_the_first_moves,
        budget_env_steps=20,
        execute_env_steps=10,
        seed=0,
    )

    assert solved.tolist() == [True, False]
    assert planned_for == [[0.5, 0.1], [0.1]]


def test_actors_get_a_new_seed_for_every_case_and_call():
    seeds: list[int] = []

    def stay(states, goals, given):
        seeds.extend(given)
        return np.zeros((len(states), 10, 2))

    run(stay, num=20)

    assert len(set(seeds)) == 40


def test_a_model_can_act():
    outcome = run(model_actor(awake_model(), DotTask(), PLAN), num=2)
    assert outcome.shape == (2,)
    assert outcome.dtype == bool


@pytest.mark.parametrize(("execute", "calls"), [(10, 2), (15, 2), (20, 1)])
def test_the_budget_is_spent_exactly(execute, calls):
    steps = []

    class Counting(DotTask):
        def step(self, states, actions):
            steps.append(1)
            return super().step(states, actions)

    asked = []

    def stay(states, goals, seeds):
        asked.append(1)
        return np.zeros((len(states), execute, 2))

    run_cases(Counting(), cases(3), stay, budget_env_steps=20, execute_env_steps=execute, seed=0)

    assert len(steps) == 20
    assert len(asked) == calls
