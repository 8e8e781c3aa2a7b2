"""Collection into a file, a few episodes at a time, by one process or several.

Shapes in this module:
    E  episodes    T  env steps of each    A  action width
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lewm.collection.collect_workers import in_order
from lewm.collection.policies import Policy
from lewm.data.episodes import Episodes

if TYPE_CHECKING:
    from lewm.data.hdf5_filters import Compression

_EPISODES_AT_ONCE = 16
_BYTES_AT_ONCE = 1 << 26


def collect_to_file(
    path: Path,
    world: Any,
    policy: Policy,
    *,
    num_episodes: int,
    length_env_steps: int,
    seed: int,
    first_episode: int = 0,
    compression: "Compression" = "gzip",
    num_workers: int = 1,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Collect episodes into an HDF5 file, a few at a time, in little memory.

    The file holds the episodes that `collect` would return with the same arguments, the
    world's factors as `variation.*` columns, and what it takes to collect them again. States are
    kept in the columns that the world says. The number of workers changes none of it.

    Args:
        path: the file to make; it must not exist.
        world: where to act; it also has `scope()` and `factors`. With more than one worker each
            makes its own from that scope.
        policy: what to do.
        num_episodes: E.
        length_env_steps: T.
        seed: of the whole collection, 0 or more.
        first_episode: number of the first episode.
        compression: see `EpisodeWriter`.
        num_workers: processes that act at once, 1 or more.
        progress: told how many more episodes were written.

    Raises:
        LewmError: as for `collect` and `EpisodeWriter`.
    """
    from lewm.data.episode_file import EpisodeWriter  # h5py: no audit needs it

    origin = {
        **world.scope(),
        **policy.settings(),
        "first_episode": first_episode,
        "length_env_steps": length_env_steps,
        "num_episodes": num_episodes,
        "seed": seed,
    }
    at_once = _episodes_at_once(world.size_px, length_env_steps)
    jobs = [
        {
            "num_episodes": min(at_once, num_episodes - start),
            "length_env_steps": length_env_steps,
            "seed": seed,
            "first_episode": first_episode + start,
        }
        for start in range(0, num_episodes, at_once)
    ]
    with EpisodeWriter(
        path, variation=world.factors, provenance=origin, compression=compression
    ) as writer:
        for part in in_order(world, policy, jobs, num_workers=num_workers):
            for episode in range(part.num_episodes):
                writer.append_columns(_columns(world, part, episode))
            progress(part.num_episodes)


def _columns(world: Any, episodes: Episodes, episode: int) -> dict[str, NDArray[Any]]:
    """One episode as the columns of a file."""
    last = np.full((1, episodes.actions.shape[2]), np.nan, dtype=np.float32)
    return {
        "pixels": episodes.frames[episode],
        "action": np.concatenate([episodes.actions[episode], last]),
        **world.columns(episodes.states[episode]),
    }


def _episodes_at_once(size_px: int, length_env_steps: int) -> int:
    """As many as fit into memory that nobody minds, at least one."""
    bytes_each = 3 * size_px**2 * (length_env_steps + 1)
    return max(1, min(_EPISODES_AT_ONCE, _BYTES_AT_ONCE // bytes_each))
