"""Events in worlds that count in other units, lack what an event changes, or step slowly."""

import numpy as np
import pytest

from perturbations.suites.voe import ViolationOfExpectation, trouble
from perturbations.violations import motion
from perturbations.violations.classes import find
from perturbations.violations.clips import make_clips
from perturbations.violations.motion import Lawful
from tests import known_models as known

NUM, STEPS = 6, 20


class Metres(known.DotWorld):
    """Half a unit to the pixel."""

    units_per_px = 0.5


class Slow(known.DotWorld):
    """Counts the states that it advances."""

    steps_one_by_one = True
    num_steps = 0

    def step(self, states, actions):
        self.num_steps += len(states)
        return super().step(states, actions)


class Carried(known.DotWorld):
    """The goal is about a thing that nobody has touched; the agent moves all the same."""

    def distance(self, states, goals):
        return np.zeros(len(states))

    def solved(self, states, goals):
        return np.zeros(len(states), dtype=bool)

    def parting(self, states, others):
        return super().distance(states, others)


def still(world):
    states = np.full((NUM, STEPS + 1, 2), 25.0)
    return Lawful(world, states, np.zeros((NUM, STEPS, 2)), np.full(NUM, 10), 5)


def moved_by(world, name, magnitude):
    """How far the place is from the lawful one an env step after the event, (NUM,)."""
    shown, possible = find(name).happen(still(world), magnitude, np.random.default_rng(0))
    assert possible.all()
    return np.linalg.norm(shown[:, 11] - 25.0, axis=1)


@pytest.mark.parametrize(("name", "magnitude"), [("teleport", 20.0), ("drift", 2.0)])
def test_lengths_in_px_are_taken_in_the_worlds_own_units(name, magnitude):
    assert moved_by(known.WORLD, name, magnitude) == pytest.approx(magnitude)
    assert moved_by(Metres(), name, magnitude) == pytest.approx(magnitude / 2)


@pytest.mark.parametrize(
    ("lacks", "name", "can"),
    [
        ({"units_per_px": None}, "teleport", False),
        ({"units_per_px": None}, "drift", False),
        ({"units_per_px": None}, "freeze", True),
        ({"position_columns": (0,)}, "jitter", False),
        ({"has_walls": False}, "through_wall", False),
        ({"has_walls": True}, "through_wall", True),
        ({"action_width": 1}, "action_swap", False),
        ({"action_width": 1}, "mirrored_motion", True),
    ],
)
def test_an_event_is_shown_only_where_the_world_has_what_it_changes(lacks, name, can):
    world = known.DotWorld()
    for attribute, value in lacks.items():
        setattr(world, attribute, value)
    assert find(name).can_be_shown(world, 20.0) is can


def test_what_cannot_happen_in_a_world_is_unknown_for_that_reason():
    world = known.DotWorld()
    world.units_per_px = None
    violations = {"teleport": known.criteria().violations["teleport"]}
    bench = known.bench(known.Oracle(), world=world, criteria=known.criteria(violations=violations))

    cells = ViolationOfExpectation().run(bench)

    shown = [cell for cell in cells if cell.condition["violation"] == "teleport"]
    assert {trouble(cell) for cell in shown} == {
        "this cannot happen here: the world lacks what it changes, or a free place for it"
    }


def test_a_world_that_steps_one_state_at_a_time_is_asked_for_no_more_candidates_than_serve():
    quick, slow = Slow(), Slow()
    quick.steps_one_by_one = False
    clips = []
    for world in (quick, slow):
        bench = known.bench(known.Oracle(), world=world)
        bench.lawful_scoring  # noqa: B018  driven once, whatever is shown afterwards
        world.num_steps = 0
        clips.append(make_clips(bench, find("freeze"), 10.0))
    asked = quick.num_steps, slow.num_steps
    assert [one.oracle(known.WORLD)[one.kept].all() for one in clips] == [True, True]
    assert clips[1].kept.sum() == clips[0].kept.sum()
    assert asked[1] < asked[0] / 2


def test_an_event_that_befalls_the_agent_counts_also_where_the_goal_is_about_something_else():
    world = Carried()
    clips = make_clips(known.bench(known.Oracle(), world=world), find("freeze"), 10.0)
    assert clips.kept.mean() > 0.9
    assert clips.oracle(world)[clips.kept].all()


def test_a_world_that_knows_what_is_free_is_asked():
    world = known.DotWorld()
    world.is_free = lambda states: states[:, 0] > 50
    assert motion.is_free(world, np.array([[25.0, 25.0], [75.0, 25.0]])).tolist() == [False, True]
