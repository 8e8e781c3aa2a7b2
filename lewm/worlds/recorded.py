"""Episodes that were recorded, as far as they can stand in for a world.

Shapes in this module:
    N  states     T  env steps     S  state width     A  action width
    H, W  frame height, width      R  numbers of a recorded state

There is no simulator here: nothing can be stepped, and no frame is drawn that no camera took. A
state is the address of a recorded frame, its episode and its time, followed by the true state that
was recorded with it where the data have a column of that: to draw a state is to read its frame.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lewm.data.sources import require_fit
from lewm.data.windows import Source
from lewm.errors import LewmError
from lewm.worlds.copies import Distinct

ADDRESS_WIDTH = 2
"""Numbers of a state that say which frame it is: episode and time."""
SUCCESS_RULE = "none"
STATE_COLUMNS = ("state", "proprio", "pos_agent", "observation.state")
"""Columns that hold a true state, the best first."""


class Places(NamedTuple):
    """Where a recorded state says where things are."""

    columns: tuple[int, ...]
    length_unit: str
    units_per_px: float
    """How many of these units a pixel of a picture 224 wide shows."""


_PUSHT = "px_of_512", 512 / 224
PLACES: Mapping[tuple[str, str], Places] = {
    ("two-room", "state"): Places((0, 1), "px", 1.0),
    ("two-room", "proprio"): Places((0, 1), "px", 1.0),
    ("swm/two-room", "state"): Places((0, 1), "px", 1.0),
    ("swm/two-room", "proprio"): Places((0, 1), "px", 1.0),
    ("swm/two-room", "pos_agent"): Places((0, 1), "px", 1.0),
    ("swm/pusht", "state"): Places((0, 1, 2, 3), *_PUSHT),
    ("swm/pusht", "proprio"): Places((0, 1), *_PUSHT),
    ("swm/pusht", "pos_agent"): Places((0, 1), *_PUSHT),
}
"""By world and column: beside places, states hold angles and velocities. Source: lewm/worlds."""
_MAX_KEPT_BYTES = 2**28


class RecordedWorld:
    """A data set with the part of a world's interface that needs no simulator.

    Frames are read when they are asked for, and kept while 256 MiB hold them all.
    """

    success_rule = SUCCESS_RULE
    address_width = ADDRESS_WIDTH
    factors: Mapping[str, Any] = {}

    def __init__(self, source: Source, *, name: str, of: str) -> None:
        """Stand a data set in for a world.

        Args:
            source: the episodes.
            name: of the world that they were recorded in.
            of: what to call the data set, in messages and in records.
        """
        self.name = name
        self.of = of
        self._source = source
        self.action_width = source.action_width
        self.size_px = source.frame_size_px[1]
        self.columns = tuple(source.columns)
        self.state_column = _state_column(source)
        self.state_width = ADDRESS_WIDTH
        if self.state_column:
            self.state_width += self._true_states(0, np.zeros(1, dtype=np.int64)).shape[1]
        places = PLACES.get((name, self.state_column))
        self._places = list(places.columns) if places else slice(None)
        self.length_unit = places.length_unit if places else "world"
        self.units_per_px = places.units_per_px if places else None
        self._lent: NDArray[np.float64] = np.empty((0, self.state_width))
        self._kept: dict[tuple[int, int], NDArray[np.uint8]] = {}
        self._kept_bytes = 0

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Env steps of each episode, (E,)."""
        return self._source.lengths

    @property
    def has_true_states(self) -> bool:
        """Whether the data say the true state behind a frame."""
        return bool(self.state_column)

    def digest(self) -> str:
        """SHA-256 of the data set, in hexadecimal."""
        return self._source.digest()

    def scope(self) -> dict[str, Any]:
        """What identifies this world: name, frame size, and the data set by digest."""
        return {
            "world": self.name,
            "size_px": self.size_px,
            "factors": _factors(self._source.provenance, self.name),
            "recorded_episodes": self.digest(),
            "state_column": self.state_column,
        }

    def require_fit(self, *, size_px: int, action_width: int) -> None:
        """Refuse data with frames or actions of another size.

        Raises:
            LewmError: they have.
        """
        require_fit(self._source, self.of, size_px=size_px, action_width=action_width)

    def lend(self, states: NDArray[np.float64]) -> None:
        """Set apart the states (N, S) that `sample_states` hands out."""
        self._lent = states

    def sample_states(self, rng: np.random.Generator, num: int) -> NDArray[np.float64]:
        """Some of the states that were set apart, none twice, (num, S).

        Raises:
            LewmError: there are fewer.
        """
        if num > len(self._lent):
            raise LewmError(
                f"{num} states were asked for, {len(self._lent)} of {self.of} were set apart",
                next_step="give more episodes",
            )
        return self._lent[np.sort(rng.permutation(len(self._lent))[:num])]

    def render(
        self, states: NDArray[np.float64], factors: Mapping[str, Any] | None = None
    ) -> NDArray[np.uint8]:
        """Read the frames at these states, (N, H, W, 3).

        Raises:
            LewmError: an appearance was asked for; what was recorded cannot be repainted.
        """
        if factors:
            raise LewmError(
                f"{self.of} was recorded: {', '.join(factors)} cannot be changed in it",
                next_step="measure in a simulator of this world",
            )
        addresses = [(int(episode), int(time)) for episode, time in states[:, :ADDRESS_WIDTH]]
        missing = sorted({one for one in addresses if one not in self._kept})
        read: dict[tuple[int, int], NDArray[np.uint8]] = {}
        for episode in sorted({episode for episode, _ in missing}):
            times = [time for other, time in missing if other == episode]
            frames = self._source.read_frames(episode, np.array(times, dtype=np.int64))
            read |= {(episode, time): frame for time, frame in zip(times, frames, strict=True)}
        drawn = np.stack([read[one] if one in read else self._kept[one] for one in addresses])
        self._keep(read)
        return drawn

    def distance(
        self, states: NDArray[np.float64], goals: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Euclidean distance of the recorded true states, in their own units, (N,).

        Of the places in them where it is known which they are, else of all of their numbers.

        Raises:
            LewmError: the data have no true states.
        """
        if not self.has_true_states:
            raise LewmError(
                f"{self.of} has no column of true states; it holds {', '.join(self.columns)}",
                next_step=f"give one of {', '.join(STATE_COLUMNS)}",
            )
        apart = states[:, ADDRESS_WIDTH:] - goals[:, ADDRESS_WIDTH:]
        return np.asarray(np.linalg.norm(apart[:, self._places], axis=-1))

    def states_at(self, episode: int, times: NDArray[np.int64]) -> NDArray[np.float64]:
        """States of an episode at some times, (len(times), S).

        Raises:
            LewmError: a true state among them is not a number.
        """
        address = np.stack([np.full(len(times), episode), times], axis=1).astype(np.float64)
        if not self.has_true_states:
            return address
        true_states = self._true_states(episode, times)
        finite = np.isfinite(true_states).all(axis=1)
        if not finite.all():
            raise LewmError(
                f"episode {episode} of {self.of} holds a {self.state_column} that is not a number "
                f"at step {int(times[np.argmin(finite)])} of {int(self.lengths[episode])}",
                next_step="leave the episode out, or the column",
            )
        return np.hstack([address, true_states])

    def read(
        self, episode: int, begin: int, num_env_steps: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """States (T+1, S) and actions (T, A) of a stretch of an episode; no frame is read.

        Raises:
            LewmError: an action or a true state in it is not a number.
        """
        actions = self._source.read_actions(episode)[begin : begin + num_env_steps]
        finite = np.isfinite(actions).all(axis=1)
        if not finite.all():
            raise LewmError(
                f"episode {episode} of {self.of} holds an action that is not a number at step "
                f"{begin + int(np.argmin(finite))} of {int(self.lengths[episode])}",
                next_step="leave the episode out, or collect it again",
            )
        states = self.states_at(episode, np.arange(begin, begin + num_env_steps + 1))
        return states, actions.astype(np.float64)

    def distinct(self, order: NDArray[np.int64], *, shared_env_steps: int) -> Iterator[int]:
        """The episodes in this order without those that are copies of one before.

        Args:
            order: of the episodes, (E,).
            shared_env_steps: length of a stretch in two episodes that makes them copies.
        """
        seen = Distinct(self._source, shared_env_steps=shared_env_steps)
        return (episode for episode in order.tolist() if seen.take(episode))

    def _true_states(self, episode: int, times: NDArray[np.int64]) -> NDArray[np.float64]:
        return self._source.read_column(self.state_column, episode, times).astype(np.float64)

    def _keep(self, read: Mapping[tuple[int, int], NDArray[np.uint8]]) -> None:
        for address, frame in read.items():
            if self._kept_bytes + frame.nbytes > _MAX_KEPT_BYTES:
                return
            self._kept[address] = frame.copy()
            self._kept_bytes += frame.nbytes


def _factors(said: Mapping[str, Any], world: str) -> dict[str, Any]:
    """Factors off their default, where the data say that they come from this world, and which."""
    found = said.get("factors") if said.get("world") == world else None
    if not isinstance(found, dict):
        return {}
    numbers = {name: value if isinstance(value, list) else [value] for name, value in found.items()}
    every = [one for values in numbers.values() for one in values]
    is_sound = all(isinstance(one, int | float) and math.isfinite(one) for one in every)
    return found if is_sound else {}


def _state_column(source: Source) -> str:
    """The column of true states, one row of numbers per frame; empty where there is none."""
    for name in STATE_COLUMNS:
        if name in source.columns:
            values = source.read_column(name, 0, np.zeros(1, dtype=np.int64))
            if values.ndim == 2 and values.shape[1] and values.dtype.kind in "fiu":
                return name
    return ""
