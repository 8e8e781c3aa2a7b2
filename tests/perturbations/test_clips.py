import numpy as np
import pytest

from envelope.criteria import default_criteria
from envelope.errors import EnvelopeError
from envelope.records import ViolationCriterion
from lewm.worlds.two_room import TwoRoom
from perturbations.episodes import Episodes
from perturbations.violations import motion
from perturbations.violations.classes import VIOLATIONS, check_criteria, find
from perturbations.violations.clips import least_motion, make_clips
from tests import known_models as known

MAGNITUDES = {name: one.claim_at for name, one in known.criteria().violations.items()}


@pytest.fixture(scope="module")
def bench():
    return known.bench(known.Oracle())


@pytest.fixture(scope="module", params=list(MAGNITUDES))
def clips(request, bench):
    return make_clips(bench, find(request.param), MAGNITUDES[request.param])


def frames(clips, row, time):
    return clips.unlawful_frames(known.WORLD, time, np.array([row]))[0]


def lawful_frame(clips, row, time):
    return known.WORLD.render(clips.lawful[row : row + 1, time])[0]


def test_twins_are_the_same_up_to_the_critical_frame_and_differ_after_it(clips):
    for row in np.flatnonzero(clips.kept):
        critical = clips.critical[row]
        for time in range(critical + 1):
            assert (frames(clips, row, time) == lawful_frame(clips, row, time)).all()
        assert any(
            (frames(clips, row, time) != lawful_frame(clips, row, time)).any()
            for time in range(critical + 1, clips.num_frames)
        )


def test_most_episodes_give_a_clip_with_history_before_and_frames_after(clips, bench):
    assert clips.kept.mean() > 0.8
    assert clips.critical.min() >= bench.model.history - 1
    assert clips.critical.max() <= clips.num_frames - 1 - 3


def test_one_who_knows_the_true_state_can_tell(clips):
    assert clips.oracle(known.WORLD)[clips.kept].all()


def test_lawful_twins_follow_the_law_exactly(clips):
    now = clips.lawful[:, 0]
    for time in range(clips.num_frames - 1):
        for step in range(known.BLOCK):
            now = known.WORLD.step(now, clips.actions[:, time, step])
        assert np.allclose(now, clips.lawful[:, time + 1], atol=1e-9)


def test_physical_clips_part_from_the_law_by_enough(clips, bench):
    if clips.violation.needs_motion:
        assert (clips.separation[clips.kept] >= least_motion(bench)).all()


def test_clips_are_the_same_on_every_run(clips, bench):
    again = make_clips(bench, clips.violation, clips.magnitude)

    assert (again.shown == clips.shown).all()
    assert (again.critical == clips.critical).all()


def lawful(states, actions, begin=5, world=known.WORLD):
    rows = len(states)
    return motion.Lawful(world, states, actions, np.full(rows, begin), known.BLOCK)


@pytest.fixture(scope="module")
def walking():
    episodes = known.lawful_episodes(20, seed=9)
    return lawful(episodes.states, episodes.actions)


@pytest.mark.parametrize("magnitude", [5.0, 40.0])
def test_a_teleport_lands_on_a_free_place_at_the_stated_distance(magnitude, walking):
    rng = np.random.default_rng(0)
    there, found = motion.free_place_at(known.WORLD, walking.here, magnitude, rng)

    assert found.all()
    assert known.WORLD.distance(there, walking.here) == pytest.approx(magnitude)
    assert motion.is_free(known.WORLD, there).all()


def test_a_freeze_lasts_as_long_as_stated(walking):
    shown, _ = find("freeze").happen(walking, 10.0, np.random.default_rng(0))

    assert (shown[:, 5:16] == walking.here[:, None]).all()
    assert (shown[:, 16] != shown[:, 15]).any()
    assert (shown[:, :6] == walking.states[:, :6]).all()


def test_reversal_and_swap_do_to_the_motion_what_they_say():
    start = np.full((1, 2), 20.0)
    actions = np.tile([1.0, 0.25], (1, 10, 1))
    states = start + known.SPEED * np.arange(11)[None, :, None] * [1.0, 0.25]
    clip = lawful(states, actions)
    rng = np.random.default_rng(0)
    reversed_, _ = find("velocity_reversal").happen(clip, 1.0, rng)
    swapped, _ = find("action_swap").happen(clip, 1.0, rng)

    assert reversed_[0, 6] - reversed_[0, 5] == pytest.approx([-3.0, -0.75])
    assert swapped[0, 6] - swapped[0, 5] == pytest.approx([0.75, 3.0])
    assert reversed_[0, 7] - reversed_[0, 6] == pytest.approx([3.0, 0.75])


def test_a_walk_through_a_wall_needs_a_wall_with_another_side():
    actions = np.tile([1.0, 0.0], (3, 10, 1))
    start = np.array([[30.0, 10.0], [80.0, 10.0], [30.0, 50.0]])  # wall, border, door
    states = np.stack([start] * 11, axis=1)
    for step in range(10):
        states[:, step + 1] = known.WORLD.step(states[:, step], actions[:, step])
    shown, possible = find("through_wall").happen(
        lawful(states, actions), 20.0, np.random.default_rng(0)
    )

    assert possible.tolist() == [True, False, False]
    assert shown[0, 10, 0] > 52
    assert states[0, 10, 0] == 48


def test_a_frozen_camera_shows_the_last_lawful_frame_and_then_the_present(walking):
    shown, _ = find("frozen_camera").happen(walking, 2.0, np.random.default_rng(0))

    assert (shown[:, 15] == walking.here).all()
    assert (shown[:, 20] == walking.states[:, 20]).all()


def test_a_blackout_is_black_for_as_many_frames_as_stated(bench):
    clips = make_clips(bench, find("blackout"), 2.0)
    critical = int(clips.critical[0])

    dark = [frames(clips, 0, critical + since).max() == 0 for since in (0, 1, 2, 3)]
    assert dark == [False, True, True, False]


def test_a_frozen_dot_that_stood_still_anyway_is_dropped():
    still = known.lawful_episodes(12, seed=8)
    parked = Episodes(np.repeat(still.states[:, :1], 51, axis=1), np.zeros((12, 50, 2)))
    bench = known.bench(known.Still(), scoring=parked)

    class Parked(known.Search):
        def plan(self, model, frames, goal_frames, seeds):
            found = super().plan(model, frames, goal_frames, seeds)
            return known.FoundPlan(np.zeros_like(found.actions), found.imagined_cost)

    bench = known.bench(known.Still(), scoring=parked, planner=Parked())
    clips = make_clips(bench, find("teleport"), 40.0)
    frozen = make_clips(bench, find("freeze"), 10.0)

    assert clips.kept.all()
    assert not frozen.oracle(known.WORLD).any()


def test_a_colour_farther_than_any_direction_reaches_is_not_possible(bench):
    assert not make_clips(bench, find("background.color"), 500.0).kept.any()


def test_every_class_can_be_shown_in_the_two_room_world():
    world = TwoRoom(size_px=32)
    rng = np.random.default_rng(0)
    states = world.sample_states(rng, 400)
    actions = np.repeat(rng.uniform(-1, 1, (400, 4, 1, 2)), 5, axis=2).reshape(400, 20, 2)
    walk = [states]
    for step in range(20):
        walk.append(world.step(walk[-1], actions[:, step]))
    clip = lawful(np.stack(walk, axis=1), actions, world=world)
    for name, criterion in default_criteria().violations.items():
        _, possible = find(name).happen(clip, criterion.claim_at, rng)
        assert possible.sum() >= 5, name
    assert set(default_criteria().violations) == set(VIOLATIONS) - {"spliced_episode", "frame_skip"}


def test_criteria_with_unknown_classes_or_other_units_are_refused():
    check_criteria(known.criteria())
    wrong_unit = ViolationCriterion(magnitudes=[1.0], claim_at=1.0, unit="blocks")
    with pytest.raises(EnvelopeError, match="freeze in blocks, it is measured in env_steps"):
        check_criteria(known.criteria(violations={"freeze": wrong_unit}))
    with pytest.raises(EnvelopeError, match="no violation is called 'ghost'"):
        check_criteria(known.criteria(violations={"ghost": wrong_unit}))
    with pytest.raises(EnvelopeError, match="no nuisance is called 'fog'"):
        check_criteria(known.criteria(nuisances={"fog": [1.0]}))
