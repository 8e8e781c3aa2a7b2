"""How far Fast-LeWM and LeWM may look ahead: error by env steps and by number of compositions.

Shapes in this module:
    E  episodes    B  block boundaries    T  model steps    D  latent width    S  state width

Unit: error of a rollout over the error of assuming that nothing moves, episodes resampled; and px,
by the state of the nearest latent among training frames. Both models see the same held-out
episodes: of the two policies that collected the training data, and of random ones as a search tries
first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from envelope.records import Estimate
from lewm.adapter import AuditableModel
from lewm.build import build
from lewm.collection.collect import HELD_OUT_FIRST_EPISODE, collect
from lewm.collection.policies import Policy
from lewm.data.episodes import Episodes
from lewm.data.windows import ActionStats
from lewm.pretrained import recipe
from perturbations.statistics import bootstrap

LONGEST = 15
"""Model steps."""
SHOWN = (1, 2, 5, 10, 15)
Imagine = Callable[[Tensor, Tensor, int], Tensor]
"""Latents (E, B, D), blocks (E, B - 1, K, A) and where to begin; the next `LONGEST` latents out."""


@dataclass(frozen=True)
class SearchLike:
    """Draws every action as the first candidates of a search: normal, as spread as the data."""

    stats: ActionStats

    def start(
        self, world: Any, rngs: Sequence[np.random.Generator], length_env_steps: int
    ) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
        shape = (length_env_steps, len(self.stats.mean))
        draws = iter(
            np.stack([r.normal(self.stats.mean, self.stats.std, shape) for r in rngs], axis=1)
        )
        return lambda states: next(draws)

    def settings(self) -> dict[str, Any]:
        return {"policy": "search_like"}


@dataclass(frozen=True)
class Drift:
    """Sums over the windows of each episode, (E, T) each."""

    error: NDArray[np.float64]
    still: NDArray[np.float64]
    px: NDArray[np.float64]
    """Mean distance of the decoded position from the true one."""

    def ratio(self, step: int) -> Estimate | None:
        return bootstrap.ratio_of_sums(self.error[:, step - 1], self.still[:, step - 1], seed=0)

    def slope(self) -> Estimate | None:
        """Least squares of the ratio over env steps, per 25 of them."""

        def of(chosen: NDArray[np.int64]) -> float:
            ratios = self.error[chosen].sum(axis=0) / self.still[chosen].sum(axis=0)
            return float(5 * np.polyfit(np.arange(1, LONGEST + 1), ratios, 1)[0])

        return bootstrap.statistic(of, len(self.error), seed=0)

    def distance(self, step: int) -> Estimate | None:
        px = self.px[:, step - 1]
        return bootstrap.ratio_of_sums(px, np.ones_like(px), seed=0)


def print_drift(models: dict[str, AuditableModel], *, episodes_per_policy: int) -> None:
    """One table per set of episodes; each model in every way it can get there."""
    stats = next(iter(models.values())).action_stats
    training = [policy for policy, _ in recipe.POLICIES]
    known = held_out(training, 50, seed=6)
    for title, policies in {
        "held-out episodes of the training policies": training,
        "actions as a search tries them first": [SearchLike(stats)],
    }.items():
        episodes = held_out(policies, episodes_per_policy, seed=5)
        print(f"\n{title}: {len(episodes.actions)} episodes, {windows(episodes)} windows")
        print("  error over that of nothing moves, by env steps; slope per 25; px at 25 and 75")
        print("  " + " " * 40 + "".join(f"{5 * step:>22d}" for step in SHOWN))
        for name, model in models.items():
            for way, imagine in ways(model).items():
                drift = measure(model, episodes, imagine, known)
                row = [drift.ratio(step) for step in SHOWN]
                tail = [drift.slope(), drift.distance(5), drift.distance(15)]
                print(f"  {name:12s} {way:27s}" + "".join(map(short, row + tail)), flush=True)


def short(estimate: Estimate | None) -> str:
    if estimate is None:
        return f"{'-':>22s}"
    digits = 3 if abs(estimate.value) < 1 else 1
    low, high = f"{estimate.low:.{digits}f}", f"{estimate.high:.{digits}f}"
    return f"{f'{estimate.value:.{digits}f} [{low}, {high}]':>22s}"


def held_out(policies: Sequence[Policy], num_each: int, *, seed: int) -> Episodes:
    """Episodes of 100 env steps that no training collection reaches."""
    parts = [
        collect(
            recipe.world(),
            policy,
            num_episodes=num_each,
            length_env_steps=100,
            seed=seed,
            first_episode=HELD_OUT_FIRST_EPISODE + 1_000 * seed,
        )
        for policy in policies
    ]
    return Episodes(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("frames", "actions", "states")
        )
    )


def windows(episodes: Episodes) -> int:
    num_blocks = episodes.actions.shape[1] // 5
    return len(episodes.actions) * len(begins(num_blocks))


def begins(num_blocks: int) -> range:
    """Where rollouts of the longest horizon begin; two frames before each are there as well."""
    return range(2, num_blocks - LONGEST + 1)


def ways(model: AuditableModel) -> dict[str, Imagine]:
    """How to get from one frame to the latents after it; compositions per 25 env steps named."""
    module = build(model.config).eval().requires_grad_(False)
    module.load_state_dict(model.tensors())
    if model.config.predictor == "autoregressive":
        return {
            "5 compositions": lambda z, blocks, at: module.rollout(z[:, at], blocks[:, at:]),
            "5 compositions, 3 frames": lambda z, blocks, at: module.rollout(
                z[:, at - 2 : at + 1], blocks[:, at - 2 :]
            ),
        }
    single = build(replace(model.config, prefix_horizon=1)).eval().requires_grad_(False)
    single.load_state_dict(model.tensors())
    return {
        "1 composition": lambda z, blocks, at: module.rollout(z[:, at], blocks[:, at:]),
        "5 compositions": lambda z, blocks, at: single.rollout(z[:, at], blocks[:, at:]),
    }


def measure(model: AuditableModel, episodes: Episodes, imagine: Imagine, known: Episodes) -> Drift:
    """Errors of every window, in latents and in px."""
    size = model.block_size
    z = encoded(model, episodes.frames[:, ::size])
    states = episodes.states[:, ::size]
    num, length, width = episodes.actions.shape
    raw = torch.from_numpy(episodes.actions).float().reshape(num, length // size, size, width)
    blocks = model.action_stats.normalize(raw)
    tree = cKDTree(encoded(model, known.frames).flatten(end_dim=1).numpy())
    places = known.states.reshape(-1, known.states.shape[-1])
    error, still, px = np.zeros((3, num, LONGEST))
    for begin in begins(blocks.shape[1]):
        last = begin + LONGEST
        real = z[:, begin + 1 : last + 1]
        z_hat = imagine(z, blocks[:, :last], begin)
        error += (z_hat - real).square().sum(dim=-1).numpy()
        still += (z[:, begin : begin + 1] - real).square().sum(dim=-1).numpy()
        found = places[tree.query(z_hat.numpy())[1]]
        px += np.linalg.norm(found - states[:, begin + 1 : last + 1], axis=-1)
    return Drift(error, still, px / len(begins(blocks.shape[1])))


def encoded(model: AuditableModel, frames: NDArray[np.uint8]) -> Tensor:
    """(E, B, h, w, 3) to (E, B, D)."""
    return model.encode(frames.reshape(-1, *frames.shape[2:])).reshape(*frames.shape[:2], -1)
