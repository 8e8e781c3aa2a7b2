"""A small planner for the known models.

Shapes in this module:
    N  cases     S  samples     T  model steps     K  env steps per block     D  latent width
"""

from dataclasses import dataclass, replace

import numpy as np
import torch

from tests.known_models.models import Oracle
from tests.known_models.world import BLOCK


@dataclass(frozen=True)
class SearchConfig:
    horizon: int = 3
    block_size: int = BLOCK
    execute_blocks: int = 3
    num_samples: int = 40
    iterations: int = 4
    elites: int = 6


@dataclass(frozen=True)
class FoundPlan:
    actions: np.ndarray
    imagined_cost: np.ndarray


class Search:
    """The cross-entropy method, small: 40 samples, 4 rounds, 6 elites, noise shared per block."""

    config = SearchConfig()

    def __init__(self, config=None):
        self.config = config or self.config

    def varied(self, **changes):
        return type(self)(replace(self.config, **changes))

    def plan(self, model, frames, goal_frames, seeds, *, observe=None):
        z, goal = model.encode(frames), model.encode(goal_frames)

        def cost(blocks):  # (N, S, T, K, A)
            start = z.repeat_interleave(blocks.shape[1], dim=0)
            last = model.rollout(start, torch.from_numpy(blocks).flatten(end_dim=1))[:, -1]
            error = last.reshape(*blocks.shape[:2], -1) - goal[:, None]
            return error.square().sum(dim=-1).numpy()

        return self._search(cost, seeds, observe)

    def plan_in_world(self, world, states, goals, seeds, *, action_stats=None):
        def cost(blocks):
            now = np.repeat(states, blocks.shape[1], axis=0)
            actions = blocks.reshape(len(now), -1, 2)
            for step in range(actions.shape[1]):
                now = world.step(now, actions[:, step])
            reached = world.distance(now, np.repeat(goals, blocks.shape[1], axis=0))
            return reached.reshape(blocks.shape[:2]) ** 2

        return self._search(cost, seeds)

    def _search(self, cost, seeds, observe=None):
        config = self.config
        rngs = [np.random.default_rng(seed) for seed in seeds]
        mean, std = np.zeros((len(rngs), 1, config.horizon, 1, 2)), 1.0
        for iteration in range(config.iterations):
            shape = (config.num_samples, config.horizon, 1, 2)
            noise = np.stack([rng.standard_normal(shape) for rng in rngs])
            tried = np.clip(mean + std * noise, -1, 1)
            blocks = np.repeat(tried, BLOCK, axis=3)
            costs = cost(blocks)
            if observe is not None:
                observe(iteration, torch.from_numpy(blocks), torch.from_numpy(costs))
            best = costs.argsort(axis=1)[:, : config.elites]
            elites = np.take_along_axis(tried, best[:, :, None, None, None], axis=1)
            mean, std = elites.mean(axis=1, keepdims=True), elites.std(axis=1, keepdims=True)
        plan = np.repeat(mean, BLOCK, axis=3)
        return FoundPlan(plan.reshape(len(rngs), -1, 2), cost(plan)[:, 0])


class Cheat(Search):
    """Reads the true places out of the frames, and never asks the model."""

    def plan(self, model, frames, goal_frames, seeds, *, observe=None):
        return super().plan(Oracle(), frames, goal_frames, seeds, observe=observe)
