"""Cases: where to start and where to go, the same for every model that is compared.

Shapes in this module:
    N  cases    S  state width

A case is two states of one held-out episode, a fixed number of env steps apart, so that every
goal can be reached and was reached. Episodes for sampled cases are numbered from
`collect.HELD_OUT_FIRST_EPISODE` on, which no training collection reaches. Cases that were recorded
in a data set (`lewm.evaluation.protocol_pairs`) also say where.

A file of sampled cases has format `lewm.cases/1`, one of recorded cases `lewm.cases/2`; both are
read.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lewm.collection.collect import HELD_OUT_FIRST_EPISODE, walk
from lewm.collection.policies import Policy
from lewm.collection.policies_named import case_policy
from lewm.errors import LewmError

_SAMPLED, _RECORDED = "lewm.cases/1", "lewm.cases/2"
_DRAWS_PER_CASE = 20
_LEAST_BATCH = 64


@dataclass(frozen=True)
class RecordedRows:
    """Where in a data set each case begins; its goal lies `goal_offset_env_steps` later.

    Attributes:
        data_sha256: digest of the data set, as its source gives it.
        episodes: number of the episode, (N,).
        steps: row of the episode, (N,).
        seeds: the seed that drew the pair, (N,).
    """

    data_sha256: str
    episodes: NDArray[np.int64]
    steps: NDArray[np.int64]
    seeds: NDArray[np.int64]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "data_sha256": self.data_sha256,
            "episodes": self.episodes.tolist(),
            "steps": self.steps.tolist(),
            "seeds": self.seeds.tolist(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "RecordedRows":
        """Rebuild from `to_json()`."""
        episodes, steps, seeds = (
            np.asarray(data[name], dtype=np.int64) for name in ("episodes", "steps", "seeds")
        )
        return cls(str(data["data_sha256"]), episodes, steps, seeds)


@dataclass(frozen=True)
class Cases:
    """Paired start and goal states.

    Attributes:
        starts: (N, S), in the world's own units.
        goals: (N, S); goals[i] is from the same episode as starts[i].
        origin: what they can be sampled again from, as plain JSON: world, policy,
            success rule, goal offset, seed.
        num_solved_dropped: pairs that were drawn and left out, because the start already
            solved them.
        rows: where they were recorded; none for sampled cases.
    """

    starts: NDArray[np.float64]
    goals: NDArray[np.float64]
    origin: dict[str, Any]
    num_solved_dropped: int
    rows: RecordedRows | None = None

    def __post_init__(self) -> None:
        """Refuse arrays that do not pair up.

        Raises:
            LewmError: no case, shapes that differ, or a number that is not finite.
        """
        if self.starts.ndim != 2 or self.starts.shape != self.goals.shape or not len(self.starts):
            raise LewmError(
                f"starts have shape {self.starts.shape} and goals {self.goals.shape}, expected "
                "twice the same (N, S) with at least one case",
                next_step="sample the cases again",
            )
        if not (np.isfinite(self.starts).all() and np.isfinite(self.goals).all()):
            raise LewmError(
                "a start or goal holds a number that is not finite",
                next_step="sample the cases again",
            )
        rows = self.rows
        if rows and {rows.episodes.shape, rows.steps.shape, rows.seeds.shape} != {
            (self.num_cases,)
        }:
            raise LewmError(
                f"{self.num_cases} cases with {len(rows.episodes)} episodes, {len(rows.steps)} "
                f"steps and {len(rows.seeds)} seeds",
                next_step="draw the cases again",
            )

    @property
    def num_cases(self) -> int:
        """Number of cases N."""
        return len(self.starts)

    def digest(self) -> str:
        """SHA-256 over all that the cases say, in hexadecimal."""
        return _digest(self._content())

    def _content(self) -> dict[str, Any]:
        content = {
            "format": _RECORDED if self.rows else _SAMPLED,
            "goals": self.goals.tolist(),
            "num_solved_dropped": self.num_solved_dropped,
            "origin": self.origin,
            "starts": self.starts.tolist(),
        }
        return {**content, "rows": self.rows.to_json()} if self.rows else content


def sample_cases(
    world: Any,
    *,
    num_cases: int,
    goal_offset_env_steps: int,
    seed: int,
    policy: Policy | None = None,
    length_env_steps: int = 100,
) -> Cases:
    """Sample cases from held-out episodes, one pair of each, from a random env step on.

    Fewer cases with the same seed are the first of more.

    Args:
        world: acts and judges; `TwoRoom` is one.
        num_cases: N, all unsolved at the start.
        goal_offset_env_steps: env steps from start to goal.
        seed: 0 or more.
        policy: who walks the held-out episodes; the world's own expert if not given, the noisy
            expert in two rooms, or random actions.
        length_env_steps: how long the held-out episodes are.

    Raises:
        LewmError: fewer than one case, an offset outside the episodes, or an offset so short
            that almost every pair is solved at the start.
    """
    if num_cases < 1:
        raise LewmError(f"num_cases is {num_cases}, the least is 1", next_step="ask for 1 or more")
    if not 1 <= goal_offset_env_steps <= length_env_steps:
        raise LewmError(
            f"goal_offset_env_steps is {goal_offset_env_steps}, its range is 1 to the "
            f"{length_env_steps} env steps of an episode",
            next_step="choose an offset inside the range, or longer episodes",
        )
    policy = policy or case_policy(world)
    pairs = np.empty((0, 2, world.state_width))
    unsolved = np.empty(0, dtype=bool)
    while unsolved.sum() < num_cases:
        if len(pairs) >= _DRAWS_PER_CASE * num_cases + _LEAST_BATCH:
            raise LewmError(
                f"only {unsolved.sum()} of {len(pairs)} pairs {goal_offset_env_steps} env steps "
                f"apart are unsolved at the start, {num_cases} are needed",
                next_step="choose a longer goal offset",
            )
        first = HELD_OUT_FIRST_EPISODE + len(pairs)
        episodes = range(first, first + max(num_cases, _LEAST_BATCH))
        states, _ = walk(
            world, policy, episodes=episodes, length_env_steps=length_env_steps, seed=seed
        )
        latest = length_env_steps - goal_offset_env_steps
        rows = np.array([_row(seed, episode, latest) for episode in episodes])
        every = np.arange(len(episodes))
        drawn = np.stack([states[every, rows], states[every, rows + goal_offset_env_steps]], axis=1)
        pairs = np.concatenate([pairs, drawn])
        unsolved = np.concatenate([unsolved, ~world.solved(drawn[:, 0], drawn[:, 1])])
    kept = np.flatnonzero(unsolved)[:num_cases]
    origin = {
        "world": world.scope(),
        "policy": policy.settings(),
        "success_rule": world.success_rule,
        "goal_offset_env_steps": goal_offset_env_steps,
        "length_env_steps": length_env_steps,
        "seed": seed,
    }
    num_dropped = int(kept[-1]) + 1 - num_cases
    return Cases(pairs[kept, 0], pairs[kept, 1], origin, num_dropped)


def _row(seed: int, episode: int, latest: int) -> int:
    """Where in an episode a case starts; from a stream that the episode itself does not use."""
    stream = np.random.SeedSequence(seed, spawn_key=(episode, 1))
    return int(np.random.default_rng(stream).integers(latest + 1))


def save(path: Path, cases: Cases) -> None:
    """Write cases as JSON, with the digest that `load` asks for."""
    content = cases._content()
    text = json.dumps({**content, "sha256": _digest(content)}, indent=1, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")


def load(path: Path) -> Cases:
    """Read cases.

    Raises:
        LewmError: no such file, not a file of cases, or one edited since it was written.
    """
    content = _read_object(path)
    if content.get("format") not in (_SAMPLED, _RECORDED):
        raise LewmError(
            f"{path} has format {content.get('format')!r}, expected {_SAMPLED!r} or {_RECORDED!r}",
            next_step="give a file that lewm.evaluation.cases.save has written",
        )
    said, found = content.pop("sha256", None), _digest(content)
    if said != found:
        raise LewmError(
            f"{path} was edited: its sha256 says {said}, its content has {found}",
            next_step="restore the file, or sample the cases again",
        )
    try:
        return Cases(
            starts=np.asarray(content["starts"], dtype=np.float64),
            goals=np.asarray(content["goals"], dtype=np.float64),
            origin=dict(content["origin"]),
            num_solved_dropped=int(content["num_solved_dropped"]),
            rows=RecordedRows.from_json(content["rows"])
            if content["format"] == _RECORDED
            else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise LewmError(
            f"{path} is not a file of cases: {error!r}",
            next_step="give a file that lewm.evaluation.cases.save has written",
        ) from error


def _read_object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise LewmError(
            f"{path} cannot be read as JSON: {error}",
            next_step="check the path, or sample the cases again",
        ) from error
    if not isinstance(content, dict):
        raise LewmError(
            f"{path} holds a {type(content).__name__}, expected an object",
            next_step="give a file that lewm.evaluation.cases.save has written",
        )
    return content


def _digest(content: dict[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
