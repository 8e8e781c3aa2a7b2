import numpy as np
import pytest

from envelope.errors import EnvelopeError
from perturbations.episodes import Cases, Episodes, cases_from_episodes
from tests import known_models as known


def test_episodes_that_set_a_threshold_may_not_be_judged_by_it():
    shared = known.lawful_episodes(60, seed=1)
    scoring = Episodes(shared.states[58:], shared.actions[58:])

    with pytest.raises(EnvelopeError, match="2 episodes are both in calibration and in scoring"):
        known.bench(known.Oracle(), calibration=shared, scoring=scoring)


def test_repeating_a_start_is_not_taken_for_more_cases():
    once = known.cases(5)
    repeated = Cases(np.tile(once.starts, (3, 1)), np.tile(once.goals, (3, 1)), 15)

    with pytest.raises(EnvelopeError, match="15 cases have only 5 distinct"):
        known.bench(known.Oracle(), cases=repeated)


def test_cases_that_are_solved_at_the_start_are_refused_or_counted():
    found = known.cases(10)
    goals = found.goals.copy()
    goals[3] = found.starts[3]
    mixed = Cases(found.starts, goals, 15)

    with pytest.raises(EnvelopeError, match="1 of 10 cases are solved at the start"):
        known.bench(known.Oracle(), cases=mixed)
    kept = mixed.unsolved(known.WORLD)
    assert (len(kept), kept.num_solved_dropped) == (9, 1)


def test_no_cases_and_no_episodes_are_refused():
    with pytest.raises(EnvelopeError, match="no cases"):
        known.bench(known.Oracle(), cases=Cases(np.empty((0, 2)), np.empty((0, 2)), 15))
    with pytest.raises(EnvelopeError, match="0 scoring episodes"):
        known.bench(known.Oracle(), scoring=known.lawful_episodes(4, seed=5).first(0))


def test_a_rate_per_episode_is_not_carried_over_to_longer_episodes():
    with pytest.raises(EnvelopeError, match="50 env steps, scoring episodes 40"):
        known.bench(known.Oracle(), scoring=known.lawful_episodes(9, seed=2, num_env_steps=40))
    with pytest.raises(EnvelopeError, match="up to 60 env steps"):
        known.bench(known.Oracle(), budget_env_steps=60)


def test_a_budget_below_one_block_is_refused():
    with pytest.raises(EnvelopeError, match="budget of 4 env steps"):
        known.bench(known.Oracle(), budget_env_steps=4)


def test_every_part_of_the_identity_is_needed():
    with pytest.raises(EnvelopeError, match="no digest of planner, evaluator"):
        known.bench(known.Oracle(), identity={"model": "m", "world": "w", "evaluator": ""})


def test_a_planner_with_other_blocks_than_the_model_is_refused():
    class Other(known.Search):
        config = known.SearchConfig(block_size=4)

    with pytest.raises(EnvelopeError, match="planner's block has 4 env steps, the model's 5"):
        known.bench(known.Oracle(), planner=Other())


def test_a_cell_depends_on_what_it_rests_on_and_on_every_further_digest():
    one = known.bench(known.Oracle())
    other = known.bench(known.Oracle(), identity={**one.identity, "planner": "another"})
    machine = known.bench(known.Oracle(), identity={**one.identity, "machine": "another"})

    def key(bench, *rests_on):
        return bench.key("voe", "model", {}, cases="c", rests_on=rests_on).id

    assert key(one, "model", "world") == key(other, "model", "world")
    assert key(one, "model", "planner") != key(other, "model", "planner")
    assert key(one, "world") != key(machine, "world")


def test_driven_episodes_follow_the_law_and_pass_the_recorded_places():
    bench = known.bench(known.Oracle())
    driven, recorded = bench.lawful_scoring, bench.scoring

    after = known.WORLD.step(driven.states[:, 20], driven.actions[:, 20])
    assert (after == driven.states[:, 21]).all()
    assert (driven.states[:, 0] == recorded.states[:, 0]).all()
    assert (driven.actions != recorded.actions).any()
    missed = known.WORLD.distance(driven.states[:, 15], recorded.states[:, 15])
    assert np.median(missed) < 6


def test_a_planner_that_cannot_drive_crashes_what_rests_on_its_episodes():
    class NoPlan(known.Search):
        def plan(self, model, frames, goal_frames, seeds):
            raise RuntimeError("no plan")

    bench = known.bench(known.Oracle(), planner=NoPlan())

    with pytest.raises(RuntimeError, match="driving the scoring episodes: RuntimeError: no plan"):
        _ = bench.lawful_scoring


def test_cases_come_from_one_episode_each_at_the_stated_offset():
    episodes = known.lawful_episodes(30, seed=4)
    found = cases_from_episodes(episodes, known.WORLD, goal_offset_env_steps=15, seed=0)

    assert len(found) + found.num_solved_dropped == 30
    for start, goal in zip(found.starts, found.goals, strict=True):
        places = np.argwhere((episodes.states[:, :36] == start).all(axis=-1))
        later = episodes.states[places[:, 0], places[:, 1] + 15]
        assert (later == goal).all(axis=1).any()


def test_an_offset_longer_than_the_episodes_is_refused():
    with pytest.raises(EnvelopeError, match="does not fit into episodes of 50"):
        cases_from_episodes(
            known.lawful_episodes(3, seed=4), known.WORLD, goal_offset_env_steps=51, seed=0
        )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_episodes_without_numbers_are_refused(bad):
    episodes = known.lawful_episodes(3, seed=4)
    states = episodes.states.copy()
    states[1, 2, 0] = bad

    with pytest.raises(ValueError, match="not finite"):
        Episodes(states, episodes.actions)
