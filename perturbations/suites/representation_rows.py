"""Rows of the representation suite: what only a model can say.

Shapes in this module:
    N  states     E  episodes     B  model steps     D  latent width     S  state width
    R  directions of a nuisance     K  env steps per block     A  action width
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from perturbations import latents, probes
from perturbations.asked import NUM_LEADING, SLOW_STRENGTH
from perturbations.nuisances.classes import find
from perturbations.nuisances.nuisance import FrameSeeds
from perturbations.seeding import derive_seed

if TYPE_CHECKING:
    from perturbations.bench import Bench
    from perturbations.protocols import Frames

Rows = dict[str, list[Any]]


def cloud(bench: "Bench", states: NDArray[np.float64]) -> Rows:
    """Columns `s_i` and `z_j`; `linear_i` and `mlp_i`, what probes fitted on the other half say."""
    z, states = bench.drawn_latents, bench.true_states(states)
    columns: Rows = {"state": list(range(len(states)))}
    columns |= {f"z_{j}": z[:, j].tolist() for j in range(z.shape[1])}
    if not states.shape[1]:
        return columns
    columns |= {f"s_{i}": states[:, i].tolist() for i in range(states.shape[1])}
    for kind in probes.KINDS:
        found = bench.probes.held_out(kind, z)
        columns |= {f"{kind}_{i}": found[:, i].tolist() for i in range(found.shape[1])}
    return columns


def pairs(bench: "Bench", states: NDArray[np.float64]) -> Rows:
    """Disjoint pairs of states: `true_distance` in the world's units, `latent_distance`."""
    half = len(states) // 2
    one, other = states[:half], states[half : 2 * half]
    z = [_encode(bench, bench.world.render(part)) for part in (one, other)]
    return {
        "state": list(range(half)),
        "true_distance": bench.world.distance(one, other).tolist(),
        "latent_distance": latents.distance(z[0], z[1]).tolist(),
    }


def steady(bench: "Bench", states: NDArray[np.float64]) -> Rows:
    """Whether each frame has the same latent twice, and alone as in a batch."""
    frames = bench.world.render(states)
    once, again = (_encode(bench, frames) for _ in range(2))
    alone = torch.cat([_encode(bench, frames[i : i + 1]) for i in range(len(frames))])
    twice = (once == again).all(dim=-1)
    together = torch.isclose(alone, once, rtol=1e-3, atol=1e-4).all(dim=-1)
    return {
        "state": list(range(len(frames))),
        "twice": twice.tolist(),
        "together": together.tolist(),
    }


def actions(bench: "Bench") -> Rows:
    """Per episode: how far the imagined answer to another action follows the real one.

    `followed` is the inner product of imagined and real difference between the two latents that
    follow two different blocks of actions, `real` the square of the real difference.
    """
    if bench.recorded is not None:
        from perturbations.suites.recorded_rows import actions as of_recorded

        return of_recorded(bench)
    states = bench.lawful_scoring.block_states(bench.block_size)  # (E, B+1, S)
    blocks = bench.lawful_scoring.blocks(bench.block_size)  # (E, B, K, A)
    num, steps = blocks.shape[:2]
    rng = np.random.default_rng(derive_seed(bench.seed, "actions"))
    every, time = np.arange(num), rng.integers(steps, size=num)
    start, given = states[every, time], blocks[every, time]
    other = given[(every + 1 + rng.integers(num - 1, size=num)) % num] if num > 1 else given
    z = _encode(bench, bench.world.render(start))
    imagined = [
        latents.rollout(bench.model, z, block[:, None])[:, 0].double() for block in (given, other)
    ]
    real = [_seen_after(bench, start, block).double() for block in (given, other)]
    real_difference = real[1] - real[0]
    followed = ((imagined[1] - imagined[0]) * real_difference).sum(dim=-1)
    return {
        "episode": list(range(num)),
        "followed": followed.tolist(),
        "real": real_difference.square().sum(dim=-1).tolist(),
    }


def slow_features(bench: "Bench", nuisance: str, states: NDArray[np.float64]) -> Rows:
    """Per state, squared moves of its latent by one nuisance, `within`, and `between` the states.

    `within` is the mean over the directions of the class, all at `SLOW_STRENGTH`, of how far each
    moves the latent from that of the clean frame; `between` is how far the clean latent lies from
    the mean of all. `lead1_within`, `lead1_between` and so on are the same along each of the first
    `NUM_LEADING` principal components of all. `step` is how far one env step under a random action
    moves it, where the world can be stepped, and `amount` what the strength comes to, mean over the
    directions.
    """
    kind, num = find(nuisance), len(states)
    rng = np.random.default_rng(derive_seed(bench.seed, "slow", nuisance))
    seeds = FrameSeeds(rng.integers(2**31, size=num), np.zeros(num, dtype=np.int64))
    shifts = [kind.shift(bench.world, way, SLOW_STRENGTH) for way in kind.directions(bench.world)]
    clean = _encode(bench, bench.world.render(states)).double()
    seen = [
        kind.render(
            bench.world, states, strength=SLOW_STRENGTH, direction=one.direction, seeds=seeds
        )
        for one in shifts
    ]
    moved = torch.stack([_encode(bench, frames).double() for frames in seen], dim=1)
    moved = moved - clean[:, None]  # (N, R, D)
    own = clean - clean.mean(dim=0)
    every = torch.cat([own, (own[:, None] + moved).flatten(end_dim=1)])
    leading = torch.linalg.svd(every - every.mean(dim=0), full_matrices=False).Vh[:NUM_LEADING]
    found: Rows = {
        "state": list(range(num)),
        "within": moved.square().sum(dim=-1).mean(dim=1).tolist(),
        "between": own.square().sum(dim=-1).tolist(),
        "amount": [float(np.mean([abs(one.amount - one.nominal) for one in shifts]))] * num,
    }
    for number, lead in enumerate(leading, start=1):
        found[f"lead{number}_within"] = (moved @ lead).square().mean(dim=1).tolist()
        found[f"lead{number}_between"] = (own @ lead).square().tolist()
    if bench.recorded is None:
        rng = np.random.default_rng(derive_seed(bench.seed, "slow steps"))  # the same for all
        low, high = getattr(bench.world, "action_range", (-1.0, 1.0))
        action = rng.uniform(low, high, (num, 1, bench.world.action_width))
        step = _seen_after(bench, states, action).double() - clean
        found["step"] = step.square().sum(dim=-1).tolist()
    return found


def straightness(bench: "Bench") -> Rows:
    """Per episode, the mean cosine between consecutive steps of the latent."""
    step = bench.scoring_latents.diff(dim=1).double()
    cosine = torch.nn.functional.cosine_similarity(step[:, 1:], step[:, :-1], dim=-1)
    return {"episode": list(range(len(step))), "cosine": cosine.mean(dim=1).tolist()}


def _encode(bench: "Bench", frames: "Frames") -> Tensor:
    return latents.encode_finite(bench.model, frames)


def _seen_after(bench: "Bench", states: NDArray[np.float64], block: NDArray[np.float64]) -> Tensor:
    for step in range(block.shape[1]):
        states = bench.world.step(states, block[:, step])
    return _encode(bench, bench.world.render(states))
