"""Recorded lawful episodes, and cases: where to start and where to go.

Shapes in this module:
    E  episodes     T  env steps of each     B  action blocks of each (T / K)
    K  env steps per block     A  action width     S  state width     N  cases
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from envelope.errors import EnvelopeError
from perturbations.seeding import digest_arrays

if TYPE_CHECKING:
    from perturbations.protocols import World


@dataclass(frozen=True)
class Episodes:
    """What happened in a lawful world; frames are drawn when they are needed."""

    states: NDArray[np.float64]
    """(E, T+1, S)."""
    actions: NDArray[np.float64]
    """Taken from each state, env units, (E, T, A)."""

    def __post_init__(self) -> None:
        if self.states.ndim != 3 or self.actions.ndim != 3:
            raise ValueError("states are (E, T+1, S) and actions (E, T, A)")
        if self.states.shape[:2] != (self.actions.shape[0], self.actions.shape[1] + 1):
            raise ValueError(
                f"states {self.states.shape} and actions {self.actions.shape} do not fit together"
            )
        if not (np.isfinite(self.states).all() and np.isfinite(self.actions).all()):
            raise ValueError("episodes hold a number that is not finite")

    def __len__(self) -> int:
        return len(self.states)

    @property
    def num_env_steps(self) -> int:
        """T."""
        return int(self.actions.shape[1])

    @cached_property
    def digest(self) -> str:
        """sha256 over states and actions."""
        return digest_arrays(states=self.states, actions=self.actions)

    def digest_each(self) -> list[str]:
        """sha256 of every episode by itself, to tell whether two sets share one."""
        return [
            digest_arrays(states=s, actions=a)
            for s, a in zip(self.states, self.actions, strict=True)
        ]

    def first(self, num: int) -> "Episodes":
        """The first `num` episodes, or all when there are fewer."""
        return Episodes(self.states[:num], self.actions[:num])

    def blocks(self, block_size: int) -> NDArray[np.float64]:
        """Actions in blocks, (E, B, K, A); env steps beyond the last whole block are left out."""
        num = self.num_env_steps // block_size
        kept = self.actions[:, : num * block_size]
        return kept.reshape(len(self), num, block_size, -1)

    def block_states(self, block_size: int) -> NDArray[np.float64]:
        """States at the ends of blocks, (E, B+1, S)."""
        num = self.num_env_steps // block_size
        return self.states[:, : num * block_size + 1 : block_size]


@dataclass(frozen=True)
class Cases:
    """Pairs of start and goal, the same for every arm that is compared."""

    starts: NDArray[np.float64]
    """(N, S)."""
    goals: NDArray[np.float64]
    """(N, S)."""
    goal_offset_env_steps: int
    """Env steps that separate start and goal in the episode they come from."""
    num_solved_dropped: int = 0
    """Pairs that were left out because the start solved them."""

    def __post_init__(self) -> None:
        if self.starts.ndim != 2 or self.starts.shape != self.goals.shape:
            raise ValueError(
                f"starts {self.starts.shape} and goals {self.goals.shape} must both be (N, S)"
            )

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def digest(self) -> str:
        """sha256 over starts and goals."""
        return digest_arrays(starts=self.starts, goals=self.goals)

    def unsolved(self, world: "World") -> "Cases":
        """The same without the pairs that are solved at the start, which are counted."""
        keep = ~world.solved(self.starts, self.goals)
        dropped = self.num_solved_dropped + int((~keep).sum())
        return Cases(self.starts[keep], self.goals[keep], self.goal_offset_env_steps, dropped)


def cases_from_episodes(
    episodes: Episodes, world: "World", *, goal_offset_env_steps: int, seed: int
) -> Cases:
    """One case per episode: a random state of it, and the state a fixed offset later.

    Pairs that are solved at the start are dropped and counted.

    Raises:
        EnvelopeError: the offset is longer than the episodes, or nothing is left.
    """
    latest = episodes.num_env_steps - goal_offset_env_steps
    if latest < 0 or goal_offset_env_steps < 1:
        raise EnvelopeError(
            f"a goal offset of {goal_offset_env_steps} env steps does not fit into episodes of "
            f"{episodes.num_env_steps}",
            next_step="record longer episodes, or choose a smaller offset",
        )
    every = np.arange(len(episodes))
    begin = np.random.default_rng([seed, goal_offset_env_steps]).integers(
        latest + 1, size=len(every)
    )
    drawn = Cases(
        episodes.states[every, begin],
        episodes.states[every, begin + goal_offset_env_steps],
        goal_offset_env_steps,
    )
    return drawn.unsolved(world)
