"""Recorded episodes that hold the same stretch as another are told apart from those that do not."""

from types import SimpleNamespace

import numpy as np
import pytest

from lewm.data.windows import MemorySource
from lewm.worlds.copies import Distinct

ENOUGH = 15
"""Env steps of a shared stretch that make two episodes copies."""


class Cut(MemorySource):
    """Stretches of films, each given by its film, first and last env step."""

    def __init__(self, films, *cuts):
        super().__init__(films)
        self.cuts = cuts
        self.lengths = np.array([end - begin for _, begin, end in cuts])
        self.frames_read = 0

    def read_actions(self, episode):
        film, begin, end = self.cuts[episode]
        return super().read_actions(film)[begin:end]

    def read_frames(self, episode, times):
        film, begin, end = self.cuts[episode]
        assert times.max() <= end - begin
        self.frames_read += len(times)
        return super().read_frames(film, begin + times)


def films(num=4, num_env_steps=60, *, seed=0):
    """Films of noise, every frame another."""
    rng = np.random.default_rng(seed)
    return SimpleNamespace(
        frames=rng.integers(0, 256, (num, num_env_steps + 1, 2, 2, 3), dtype=np.uint8),
        actions=rng.standard_normal((num, num_env_steps, 2), dtype=np.float32),
    )


def taken(source, *, enough=ENOUGH):
    seen = Distinct(source, shared_env_steps=enough)
    return [episode for episode in range(len(source.lengths)) if seen.take(episode)]


def test_an_episode_cut_at_either_end_is_a_copy():
    source = Cut(films(), (0, 0, 60), (0, 0, 59), (0, 0, 60), (0, 5, 60), (1, 0, 60), (0, 20, 40))

    assert taken(source) == [0, 4]


@pytest.mark.parametrize("enough", [1, 2, 7, 8, 15, 25])
@pytest.mark.parametrize("begin", [0, 1, 13, 30])
def test_a_shared_stretch_makes_a_copy_from_the_stated_length_on_wherever_it_lies(enough, begin):
    longer = Cut(films(), (0, 0, begin + enough), (0, begin, 60))
    shorter = Cut(films(), (0, 0, begin + enough - 1), (0, begin, 60))

    assert taken(longer, enough=enough) == [0]
    assert taken(shorter, enough=enough) == [0, 1]


def test_the_same_actions_on_other_pictures_are_no_copy():
    made = films()
    made.actions[1:] = made.actions[0]

    assert taken(Cut(made, (0, 0, 60), (1, 0, 60), (2, 10, 60))) == [0, 1, 2]


def test_waiting_at_the_same_place_is_no_copy():
    made = films()
    made.actions[:, :20] = 0
    made.frames[:, :21] = 7

    assert taken(Cut(made, (0, 0, 60), (1, 0, 60), (2, 0, 60))) == [0, 1, 2]


def test_a_film_in_which_nothing_moves_is_a_copy_of_itself_alone():
    made = films()
    made.frames[:2] = 7

    assert taken(Cut(made, (0, 0, 60), (1, 0, 60), (0, 0, 60))) == [0, 1]


def test_where_no_actions_agree_one_frame_of_each_episode_is_read():
    source = Cut(films(), (0, 0, 60), (1, 0, 60), (2, 0, 60))

    assert taken(source) == [0, 1, 2]
    assert source.frames_read == 3


def test_where_all_actions_agree_the_frames_read_grow_with_the_data_and_not_with_their_pairs():
    made = films(40)
    made.actions[:] = 1.0
    source = Cut(made, *((film, 0, 60) for film in range(40)))

    assert taken(source) == list(range(40))
    assert source.frames_read < 40 * 60 * 3
