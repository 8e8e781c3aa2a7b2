"""Rows of the drift suite: what only a model can say.

Shapes in this module:
    E  episodes     B  model steps     K  env steps per block     A  action width
    D  latent width     S  state width     N  states, or cases     C  candidates
    P  columns that are read
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from perturbations import latents, probes
from perturbations.seeding import derive_seed
from perturbations.statistics.spectra import spearman
from perturbations.violations import motion

if TYPE_CHECKING:
    from perturbations.bench import Bench

Rows = dict[str, list[Any]]
Array = NDArray[np.float64]
_MOST_READ = 6
"""Columns of a recorded state that are read at most; nothing says which of them matter."""


def errors(bench: "Bench") -> Rows:
    """Columns `error_h` and `still_h`: means over the windows of h model steps of an episode."""
    return _against_still(bench.scoring_latents, bench.scoring_rollouts)


def errors_block_by_block(bench: "Bench") -> Rows:
    """As `errors`, of a model that jumps: every block is a jump of its own from the last one."""
    z = bench.scoring_latents  # (E, B+1, D)
    blocks = bench.lawful_scoring.blocks(bench.block_size)  # (E, B, K, A)

    def walked(begin: int) -> Tensor:
        now, found = z[:, begin], []
        for step in range(begin, blocks.shape[1]):
            now = latents.rollout(bench.model, now, blocks[:, step : step + 1])[:, -1]
            found.append(now)
        return torch.stack(found, dim=1)

    return _against_still(z, map(walked, range(blocks.shape[1])))


def jumps(bench: "Bench", horizon: int) -> Rows:
    """How far direct and composed jumps end `apart`, and how far the latent moved: `still`."""
    z = bench.scoring_latents
    blocks = bench.lawful_scoring.blocks(bench.block_size)[:, :horizon]
    return {
        "episode": list(range(len(blocks))),
        "apart": latents.jumps_apart(bench.model, z[:, 0], blocks).tolist(),
        "still": latents.squared_error(z[:, 0], z[:, horizon]).tolist(),
    }


def quantities(bench: "Bench") -> dict[str, list[int]]:
    """What is read of a true state, by name: its columns (P).

    Of a simulator the place of what moves; of recorded states, whose columns nobody explains, each
    of the first six by itself.
    """
    if bench.recorded is None:
        return {"place": motion.columns(bench.world)}
    width = bench.true_states(bench.scoring.states).shape[-1]
    return {f"{bench.recorded.state_column}_{i}": [i] for i in range(min(width, _MOST_READ))}


def probe_errors(bench: "Bench", read: Mapping[str, Sequence[int]]) -> Rows:
    """How far what probes read is from what is so, squared, by episode.

    Columns for quantity i: `linear_i_0` and `mlp_i_0`, mean over the frames of the episode;
    `linear_i_h` and `mlp_i_h`, mean over its windows of h model steps, read out of the imagined
    latent at their end; `still_i_h`, how far the true state itself moved.

    Args:
        bench: scoring episodes, and probes fitted on other states.
        read: columns of each quantity in a true state.
    """
    states = bench.lawful_scoring.block_states(bench.block_size)
    true = bench.true_states(states)  # (E, B+1, S)
    z = _numbers(bench.scoring_latents)
    imagined = [_numbers(part) for part in bench.scoring_rollouts]
    columns: Rows = {"episode": list(range(len(true)))}
    for kind in probes.KINDS:
        now = bench.probes.read(kind, z)
        ahead = [bench.probes.read(kind, part) for part in imagined]
        for i, chosen in enumerate(map(list, read.values())):
            by_horizon = _over_windows(
                _squared((said - true[:, begin + 1 :])[..., chosen])
                for begin, said in enumerate(ahead)
            )
            least = _squared((now - true)[..., chosen]).mean(axis=1)
            columns |= _by_horizon(f"{kind}_{i}", np.column_stack([least, by_horizon]), first=0)
    for i, chosen in enumerate(map(list, read.values())):
        still = _over_windows(
            _squared((true[:, begin : begin + 1] - true[:, begin + 1 :])[..., chosen])
            for begin in range(true.shape[1] - 1)
        )
        columns |= _by_horizon(f"still_{i}", still)
    return columns


def ranks(bench: "Bench", num_cases: int, num_candidates: int, *, seen_at: int) -> Rows:
    """Per case and horizon h, `rank_h`: how imagined cost orders what the true dynamics do.

    The candidates are what the planner carried out in scoring episodes, begun at the start of the
    case and cut off after h blocks. Their imagined cost is the squared error of the last latent to
    the goal's, the true one the distance that is left in the world. `rank_seen`, at the horizon
    `seen_at`: the same of the latents that really follow.
    """
    starts, goals = bench.cases.starts[:num_cases], bench.cases.goals[:num_cases]
    blocks = bench.lawful_scoring.blocks(bench.block_size)
    rng = np.random.default_rng(derive_seed(bench.seed, "ranking"))
    choices = min(num_candidates, len(blocks))
    chosen = np.concatenate([rng.permutation(len(blocks))[:choices] for _ in starts])
    tried = blocks[chosen]  # (N*C, B, K, A)
    z, goal = (
        latents.encode_frames(bench.model, bench.world.render(part)).repeat_interleave(
            choices, dim=0
        )
        for part in (starts, goals)
    )
    imagined = latents.squared_error(latents.rollout(bench.model, z, tried), goal[:, None])
    if not np.isfinite(imagined).all():
        raise ValueError("an imagined cost is not a finite number")
    states, wanted = (np.repeat(part, choices, axis=0) for part in (starts, goals))
    columns: Rows = {"case": list(range(len(starts)))}
    for step in range(tried.shape[1]):
        for time in range(bench.block_size):
            states = bench.world.step(states, tried[:, step, time])
        left = bench.world.distance(states, wanted).reshape(-1, choices)
        columns[f"rank_{step + 1}"] = _ranks(imagined[:, step], left)
        if step + 1 == seen_at:
            seen = latents.encode_frames(bench.model, bench.world.render(states))
            columns["rank_seen"] = _ranks(latents.squared_error(seen, goal), left)
    return columns


def _ranks(costs: Array, left: Array) -> list[float]:
    """Rank correlation of costs (N*C,) with what is left (N, C), by case."""
    return [spearman(c, d) for c, d in zip(costs.reshape(left.shape), left, strict=True)]


def _against_still(z: Tensor, imagined: Iterable[Tensor]) -> Rows:
    """Squared errors of what is imagined from every frame on, and of staying there."""
    error = _over_windows(
        latents.squared_error(z_hat, z[:, begin + 1 :]) for begin, z_hat in enumerate(imagined)
    )
    still = _over_windows(
        latents.squared_error(z[:, begin : begin + 1], z[:, begin + 1 :])
        for begin in range(z.shape[1] - 1)
    )
    return {
        "episode": list(range(len(z))),
        **_by_horizon("error", error),
        **_by_horizon("still", still),
    }


def _over_windows(parts: Iterable[Array]) -> Array:
    """Mean by horizon over all windows, (E, B), from (E, B - b) for those that begin at frame b."""
    listed = list(parts)
    total = np.zeros_like(listed[0])
    for part in listed:
        total[:, : part.shape[1]] += part
    return np.asarray(total / np.arange(total.shape[1], 0, -1))


def _by_horizon(prefix: str, values: Array, first: int = 1) -> Rows:
    """Columns of (E, any), numbered by horizon."""
    return {f"{prefix}_{h}": column.tolist() for h, column in enumerate(values.T, start=first)}


def _squared(difference: Array) -> Array:
    return np.asarray(np.square(difference).sum(axis=-1))


def _numbers(z: Tensor) -> Array:
    found = latents.array(z)
    if not np.isfinite(found).all():
        raise ValueError("a latent is not a finite number")
    return found
