"""Recorded episodes that are, whole or in part, the recording of another one.

Two are copies if their first frames and all their actions are the same bytes, or if they share a
stretch: so many env steps with the same actions, from the same frame to the same frame, wherever in
either of them. A stretch in which nothing moves does not count: whoever waits at the same place
does not record the same thing twice.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

from lewm.data.windows import Source


class Distinct:
    """Episodes that were taken, none of them a copy of another.

    Actions are compared first. Where those of a window agree, and nowhere else, frames are read.
    """

    def __init__(self, source: Source, *, shared_env_steps: int) -> None:
        """Begin with none.

        Args:
            source: the data set.
            shared_env_steps: length of a stretch that makes two episodes copies.
        """
        self._source = source
        self._shared = max(1, shared_env_steps)
        self._window = (self._shared + 1) // 2  # a stretch has a window that begins at a multiple
        self._weights = np.random.default_rng(0).integers(2**63, size=self._window, dtype=np.uint64)
        self._whole: set[bytes] = set()
        self._unread: dict[int, list[tuple[int, int]]] = {}
        """Windows by the sum of their actions, as episode and time; read ones are taken out."""
        self._read: dict[bytes, list[tuple[int, int]]] = {}
        """Windows by the digest of their actions, first and last frame."""

    def take(self, episode: int) -> bool:
        """Take an episode unless it is a copy of one that was taken; whether it was."""
        actions = self._actions(episode)
        whole = hashlib.sha256(actions.data)
        whole.update(self._frames(episode, 0))
        if whole.digest() in self._whole:
            return False
        sums = self._sums(actions)
        if self._shares(episode, actions, sums):
            return False
        self._whole.add(whole.digest())
        for time in range(0, len(sums), self._window):
            self._unread.setdefault(sums[time], []).append((episode, time))
        return True

    def _shares(self, episode: int, actions: NDArray[np.float32], sums: list[int]) -> bool:
        for time, of in enumerate(sums):
            if of not in self._unread:
                continue
            self._read_all(of)
            key = self._key(episode, actions, time)
            for other, there in self._read.get(key, []) if key else []:
                if self._is_stretch(episode, actions, time, other, there):
                    return True
        return False

    def _is_stretch(
        self, episode: int, actions: NDArray[np.float32], time: int, other: int, there: int
    ) -> bool:
        """Whether the windows at these times lie in a stretch that is long enough."""
        theirs = self._actions(other)
        before = min(time, there)
        after = min(len(actions) - time, len(theirs) - there)
        ours = actions[time - before : time + after].view(np.uint32)
        same = (ours == theirs[there - before : there + after].view(np.uint32)).all(axis=1)
        apart = np.flatnonzero(~same)
        begin = int(apart[apart < before].max(initial=-1)) + 1 - before
        end = int(apart[apart >= before].min(initial=len(same))) - before
        if end - begin < self._shared:
            return False
        return self._frames(episode, time + begin, time + end) == self._frames(
            other, there + begin, there + end
        )

    def _read_all(self, of: int) -> None:
        for episode, time in self._unread[of]:
            if key := self._key(episode, self._actions(episode), time):
                self._read.setdefault(key, []).append((episode, time))
        self._unread[of] = []

    def _key(self, episode: int, actions: NDArray[np.float32], time: int) -> bytes:
        """Digest of a window of actions and the frames at its ends; empty if nothing moves."""
        end = time + self._window
        first, last = self._frames(episode, time), self._frames(episode, end)
        if first == last:
            return b""
        return hashlib.sha256(actions[time:end].tobytes() + first + last).digest()

    def _sums(self, actions: NDArray[np.float32]) -> list[int]:
        """A number for each window of actions (T, A), the same for the same bytes."""
        rows = actions.view(np.uint32).astype(np.uint64)
        factors = np.random.default_rng(1).integers(2**63, size=rows.shape[1], dtype=np.uint64)
        of_steps = (rows * factors).sum(axis=1, dtype=np.uint64)
        if len(of_steps) < self._window:
            return []
        windows = np.lib.stride_tricks.sliding_window_view(of_steps, self._window)
        sums: list[int] = (windows * self._weights).sum(axis=1, dtype=np.uint64).tolist()
        return sums

    def _actions(self, episode: int) -> NDArray[np.float32]:
        return np.ascontiguousarray(self._source.read_actions(episode), dtype=np.float32)

    def _frames(self, episode: int, *times: int) -> bytes:
        return self._source.read_frames(episode, np.array(times, dtype=np.int64)).tobytes()
