"""Pairs of a protocol: which rows are drawn, what is left out, what is refused."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from lewm.collection.collect import collect
from lewm.collection.policies import NoisyExpert
from lewm.data.episodes import Episodes
from lewm.data.windows import MemorySource, action_stats_of
from lewm.errors import LewmError
from lewm.evaluation import protocol_run
from lewm.evaluation.protocol import PROTOCOLS
from lewm.evaluation.protocol_pairs import draw_pairs, recorded_frames, require_recorded
from lewm.worlds.two_room import TwoRoom

WORLD = TwoRoom(size_px=16)
OFFICIAL, MODERATE, STRICT = (PROTOCOLS[name] for name in ("official", "moderate", "strict"))


def recording(num: int = 40, length: int = 60, seed: int = 0) -> Episodes:
    return collect(WORLD, NoisyExpert(), num_episodes=num, length_env_steps=length, seed=seed)


@pytest.fixture(scope="module")
def episodes() -> Episodes:
    return recording()


@pytest.fixture(scope="module")
def source(episodes) -> MemorySource:
    return MemorySource(episodes)


def test_official_draws_rows_as_the_reference_numbers_them(source):
    cases = draw_pairs(OFFICIAL, WORLD, source)

    steps = np.tile(np.arange(61), 40)  # one row per frame, as in a file
    valid = np.flatnonzero(steps <= 61 - 26)
    drawn = np.sort(valid[np.random.default_rng(42).choice(len(valid), size=50, replace=False)])
    assert np.array_equal(cases.rows.episodes * 61 + cases.rows.steps, drawn)
    assert cases.origin["num_pairs"] == len(valid)


def test_the_older_sampling_never_draws_the_last_valid_row():
    source = MemorySource(recording(num=1, length=26))  # two valid rows
    one = replace(OFFICIAL, num_per_seed=1)
    assert {
        int(draw_pairs(replace(one, seeds=(s,)), WORLD, source).rows.steps[0]) for s in range(9)
    } == {0, 1}
    older = [
        draw_pairs(replace(one, seeds=(s,)), WORLD, source, drop_last_row=True) for s in range(9)
    ]
    assert {int(cases.rows.steps[0]) for cases in older} == {0}


@pytest.mark.parametrize("protocol", [OFFICIAL, MODERATE, STRICT], ids=lambda p: p.name)
def test_goals_were_recorded_25_env_steps_after_their_starts(protocol, source, episodes):
    cases = draw_pairs(protocol, WORLD, source, num_per_seed=5)

    rows = cases.rows
    assert np.array_equal(cases.starts, episodes.states[rows.episodes, rows.steps])
    assert np.array_equal(cases.goals, episodes.states[rows.episodes, rows.steps + 25])
    frames = recorded_frames(source, cases)
    assert np.array_equal(frames.first, episodes.frames[rows.episodes, rows.steps])
    assert np.array_equal(frames.goal, episodes.frames[rows.episodes, rows.steps + 25])


@pytest.mark.parametrize("protocol", [MODERATE, STRICT], ids=lambda p: p.name)
def test_audited_pairs_lie_in_opposite_rooms_one_for_an_episode_and_seed(protocol, source):
    cases = draw_pairs(protocol, WORLD, source, num_per_seed=8)

    low, high = WORLD.wall_range
    ends = np.stack([cases.starts[:, 0], cases.goals[:, 0]])
    assert (ends.min(axis=0) <= low).all()
    assert (ends.max(axis=0) >= high).all()
    for seed in (0, 1, 42):
        assert len(set(cases.rows.episodes[cases.rows.seeds == seed])) == 8


def test_pairs_solved_at_the_start_are_left_out_and_counted():
    states = np.zeros((4, 40, 2))
    states[..., 0] = 60.0  # all wait in the first room ...
    states[:, 20:, 0] = 160.0  # ... then all are in the second
    states[..., 1] = 49.0
    frames = WORLD.render(states.reshape(-1, 2)).reshape(4, 40, 16, 16, 3)
    source = MemorySource(Episodes(frames, np.zeros((4, 39, 2), np.float32), states))

    cases = draw_pairs(MODERATE, WORLD, source, num_per_seed=2)
    judged = WORLD.solved(states[:, :-25].reshape(-1, 2), states[:, 25:].reshape(-1, 2))

    assert cases.origin["num_pairs"] == 60
    assert cases.num_solved_dropped == judged.sum() == 0
    assert not WORLD.solved(cases.starts, cases.goals).any()

    states[:, 30:, 0] = 60.0  # back again: pairs that begin and end in the first room
    source = MemorySource(Episodes(frames, np.zeros((4, 39, 2), np.float32), states))
    cases = draw_pairs(MODERATE, WORLD, source, num_per_seed=2)
    assert cases.num_solved_dropped == 4 * 10
    assert cases.origin["num_eligible"] == 4 * 5
    assert (cases.rows.steps < 5).all()


def test_pairs_are_the_same_in_a_second_draw_and_their_digest_says_so(source):
    first, again = (draw_pairs(STRICT, WORLD, source, num_per_seed=5) for _ in range(2))
    assert first.digest() == again.digest()
    assert first.digest() != draw_pairs(MODERATE, WORLD, source, num_per_seed=5).digest()


def test_data_too_short_or_too_few_are_refused(source):
    with pytest.raises(LewmError, match="no episode lasts 25 env steps, the longest has 24"):
        draw_pairs(OFFICIAL, WORLD, MemorySource(recording(num=2, length=24)))
    with pytest.raises(LewmError, match="50 pairs are needed, the data have 20"):
        draw_pairs(OFFICIAL, WORLD, MemorySource(recording(num=2, length=34)))
    with pytest.raises(LewmError, match="100 episodes with a pair that is eligible are needed"):
        draw_pairs(MODERATE, WORLD, source)


class Elsewhere(MemorySource):
    """Episodes that say of themselves where they were recorded."""

    def __init__(self, episodes: Episodes, **provenance: object) -> None:
        super().__init__(episodes)
        self.provenance = provenance


@pytest.mark.parametrize(
    ("provenance", "words"),
    [
        ({"world": "swm/pusht"}, "recorded with world swm/pusht, the world two-room has two-room"),
        ({"factors": {"agent.radius": 14}}, "recorded with factors"),
    ],
)
def test_data_of_another_world_are_refused(episodes, provenance, words):
    with pytest.raises(LewmError, match=words):
        draw_pairs(OFFICIAL, WORLD, Elsewhere(episodes, **provenance))


def test_data_of_the_same_rooms_in_the_reference_are_taken(episodes):
    source = Elsewhere(episodes, world="swm/two-room", factors={})
    assert draw_pairs(OFFICIAL, WORLD, source).num_cases == 50


def test_data_of_another_frame_size_or_action_width_are_refused(episodes):
    with pytest.raises(LewmError, match=r"size_px \(16, 16\), the world two-room has \(32, 32\)"):
        draw_pairs(OFFICIAL, TwoRoom(size_px=32), MemorySource(episodes))
    wide = replace(episodes, actions=episodes.actions.repeat(2, axis=-1))
    with pytest.raises(LewmError, match="action_width 4, the world two-room has 2"):
        draw_pairs(OFFICIAL, WORLD, MemorySource(wide))


def test_frozen_pairs_ask_for_the_data_they_were_drawn_from(source, tmp_path):
    cases = draw_pairs(OFFICIAL, WORLD, source)
    other = MemorySource(recording(seed=1))
    with pytest.raises(LewmError, match="the cases were drawn from data with sha256"):
        recorded_frames(other, cases)
    with pytest.raises(LewmError, match="sampled, not recorded"):
        recorded_frames(source, replace(cases, rows=None))


@pytest.mark.parametrize("change", [{"steps": 36}, {"steps": -1}, {"episodes": 40}, {"steps": 0}])
def test_frozen_pairs_must_be_what_the_data_hold_at_their_rows(source, change):
    cases = draw_pairs(OFFICIAL, WORLD, source)
    require_recorded(WORLD, source, cases)
    ((name, value),) = change.items()
    column = getattr(cases.rows, name).copy()
    column[-1] = value

    with pytest.raises(LewmError, match="the frozen states are not those that the data hold"):
        require_recorded(WORLD, source, replace(cases, rows=replace(cases.rows, **{name: column})))


def test_fewer_streams_than_the_protocol_asks_for_are_refused():
    assert OFFICIAL.streams(3) == (42, 0, 1)
    assert MODERATE.streams(5) == (0, 1, 42, 2, 3)
    with pytest.raises(LewmError, match="moderate runs on at least 3 planner streams, got 2"):
        MODERATE.streams(2)


@pytest.mark.parametrize("last", [0.7, np.nan])
def test_the_spread_of_actions_is_that_of_all_that_are_numbers(last):
    actions = np.random.default_rng(0).normal(size=(3, 5, 2)).astype(np.float32)
    actions[:, -1] = last  # the row of the last frame, which some data sets fill
    source = SimpleNamespace(
        lengths=np.full(3, 4), action_stats=lambda: action_stats_of(iter(actions), 2)
    )

    found = protocol_run._refitted(source)

    numbers = actions[np.isfinite(actions).all(axis=2)].astype(np.float64)
    assert found.count == len(numbers)
    assert found.std == pytest.approx(tuple(numbers.std(axis=0)), rel=1e-12)
