"""Collection: a policy acts in a world, and what happens is kept.

Shapes in this module:
    E  episodes    T  env steps of each    H, W  picture size    A  action width    S  state width
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lewm.collection.policies import Policy
from lewm.data.episodes import Episodes
from lewm.errors import LewmError

HELD_OUT_FIRST_EPISODE = 1_000_000_000
"""Episodes numbered from here on are for evaluation; no training collection reaches them."""


class World(Protocol):
    """What collection needs from a world; `TwoRoom` is one."""

    action_width: int
    state_width: int

    def sample_states(self, rng: np.random.Generator, num: int) -> NDArray[np.float64]:
        """Start states (num, S)."""
        ...

    def step(
        self, states: NDArray[np.float64], actions: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Next states (N, S)."""
        ...

    def render(self, states: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Frames (N, H, W, 3)."""
        ...


def episode_rng(seed: int, episode: int) -> np.random.Generator:
    """The random stream of one episode; the same however many are collected together."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(episode,)))


def walk(
    world: World, policy: Policy, *, episodes: Sequence[int], length_env_steps: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Act without looking: states and actions of the numbered episodes.

    Args:
        world: where to act.
        policy: what to do.
        episodes: numbers of the episodes, E of them.
        length_env_steps: T.
        seed: of the whole collection, 0 or more.

    Returns:
        states (E, T+1, S) and actions (E, T, A). A state follows exactly from the state
        before and the float32 action.

    Raises:
        LewmError: no episode, no env step, or a negative seed.
    """
    for name, value, least in (
        ("num_episodes", len(episodes), 1),
        ("length_env_steps", length_env_steps, 1),
        ("seed", seed, 0),
    ):
        if value < least:
            raise LewmError(
                f"{name} is {value}, the least is {least}", next_step=f"give {least} or more"
            )
    rngs = [episode_rng(seed, episode) for episode in episodes]
    states = np.empty((len(rngs), length_env_steps + 1, world.state_width))
    actions = np.empty((len(rngs), length_env_steps, world.action_width), dtype=np.float32)
    states[:, 0] = np.concatenate([world.sample_states(rng, 1) for rng in rngs])
    act = policy.start(world, rngs, length_env_steps)
    for t in range(length_env_steps):
        actions[:, t] = act(states[:, t])
        states[:, t + 1] = world.step(states[:, t], actions[:, t].astype(np.float64))
    return states, actions


def collect(
    world: World,
    policy: Policy,
    *,
    num_episodes: int,
    length_env_steps: int,
    seed: int,
    first_episode: int = 0,
) -> Episodes:
    """Collect episodes of equal length.

    Args:
        world: where to act.
        policy: what to do.
        num_episodes: E.
        length_env_steps: T; every episode has T+1 frames.
        seed: of the whole collection, 0 or more. Another seed shares no episode with it.
        first_episode: number of the first episode; episode i is the same whether it is
            collected alone, with others, or in another order.

    Raises:
        LewmError: no episode, no env step, or a negative seed.
    """
    numbers = range(first_episode, first_episode + num_episodes)
    states, actions = walk(
        world, policy, episodes=numbers, length_env_steps=length_env_steps, seed=seed
    )
    frames = world.render(states.reshape(-1, states.shape[-1]))
    return Episodes(frames.reshape(*states.shape[:2], *frames.shape[1:]), actions, states)
