"""Planning by search: sample action sequences, imagine where they lead, keep the best, repeat.

Shapes in this module:
    N  cases            S  candidates      T  model steps (action blocks)
    K  env steps per action block          A  action width      D  latent width

Source: the cross-entropy solver LeWM is evaluated with (facts/lewm.md 5.1). Ours draws each case
from a generator of its own, so a plan does not depend on its neighbours in the batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lewm.data import ActionStats
from lewm.plan_config import PlanConfig

Cost = Callable[[Tensor], Tensor]
"""Costs (N, S) of candidates (N, S, T, K, A) in env units."""


class PlannableModel(Protocol):
    """What the search asks of a world model."""

    @property
    def block_size(self) -> int: ...
    @property
    def action_width(self) -> int: ...
    @property
    def action_stats(self) -> ActionStats: ...
    def encode(self, frames: NDArray[np.uint8]) -> Tensor: ...
    def rollout(self, z: Tensor, blocks: Tensor) -> Tensor: ...


class PlannableWorld(Protocol):
    """What the search asks of a world that can be cloned by copying its state."""

    @property
    def action_width(self) -> int: ...
    def step(self, states: NDArray[Any], actions: NDArray[Any]) -> NDArray[Any]: ...
    def distance(self, states: NDArray[Any], goals: NDArray[Any]) -> NDArray[Any]: ...


@dataclass(frozen=True)
class Plan:
    """One plan per case."""

    actions: NDArray[np.float64]
    """Env units, unclipped, (N, T * K, A)."""
    imagined_cost: NDArray[np.float64]
    """Cost of the returned plan as the search sees it, (N,)."""


class CEM:
    """Cross-entropy method: refit a Gaussian to the elites, return its final mean."""

    def __init__(self, config: PlanConfig) -> None:
        self.config = config

    def plan(
        self,
        model: PlannableModel,
        frames: NDArray[np.uint8],
        goal_frames: NDArray[np.uint8],
        seeds: Sequence[int],
    ) -> Plan:
        """Plan in the model's imagination; cost: squared distance of the last latent to the goal's.

        Args:
            model: the world model.
            frames: what is seen now, (N, H, W, 3).
            goal_frames: what should be seen, (N, H, W, 3).
            seeds: one random stream per case.

        Raises:
            ValueError: the planner's block size is not the model's.
        """
        if model.block_size != self.config.block_size:
            raise ValueError(
                f"the planner's block has {self.config.block_size} env steps, "
                f"the model's {model.block_size}"
            )
        z, goal = model.encode(frames), model.encode(goal_frames)  # (N, D)

        def cost(candidates: Tensor) -> Tensor:
            num_cases, num_samples = candidates.shape[:2]
            start = z.repeat_interleave(num_samples, dim=0)
            last = model.rollout(start, candidates.flatten(end_dim=1))[:, -1]
            return (last.reshape(num_cases, num_samples, -1) - goal[:, None]).square().sum(dim=-1)

        return self._search(cost, seeds, model.action_stats, device=z.device)

    def plan_in_world(
        self,
        world: PlannableWorld,
        states: NDArray[Any],
        goals: NDArray[Any],
        seeds: Sequence[int],
        *,
        action_stats: ActionStats | None = None,
    ) -> Plan:
        """The same search on the true dynamics: the ceiling of what planning can reach.

        Cost: squared distance of the final state. Give the model's `action_stats` for the same
        first candidates; without, actions start as standard normal in env units.
        """
        width = world.action_width
        stats = action_stats or ActionStats(mean=(0.0,) * width, std=(1.0,) * width)

        def cost(candidates: Tensor) -> Tensor:
            num_cases, num_samples = candidates.shape[:2]
            actions = candidates.reshape(num_cases * num_samples, -1, width).numpy()
            reached = np.repeat(states, num_samples, axis=0)
            for time in range(actions.shape[1]):
                reached = world.step(reached, actions[:, time])
            distance = world.distance(reached, np.repeat(goals, num_samples, axis=0))
            squared = np.square(distance.reshape(num_cases, num_samples))
            return torch.from_numpy(squared).to(torch.float32)

        return self._search(cost, seeds, stats, device=torch.device("cpu"))

    def _search(
        self, cost: Cost, seeds: Sequence[int], stats: ActionStats, *, device: torch.device
    ) -> Plan:
        config = self.config
        shape = (config.horizon, config.block_size, len(stats.mean))
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        mean = torch.zeros(len(seeds), 1, *shape, device=device)
        std = torch.full_like(mean, config.initial_std)
        for _ in range(config.iterations):
            noise = [torch.randn(config.num_samples, *shape, generator=g) for g in generators]
            candidates = mean + std * torch.stack(noise).to(device)
            candidates[:, 0] = mean[:, 0]
            costs = cost(stats.restore(candidates))
            best = costs.topk(config.elites, dim=1, largest=False).indices
            rows = torch.arange(len(seeds), device=device)[:, None]
            elites = candidates[rows, best]
            mean = elites.mean(dim=1, keepdim=True)
            std = elites.std(dim=1, keepdim=True)
        plan = stats.restore(mean)
        return Plan(
            actions=plan.reshape(len(seeds), -1, shape[-1]).cpu().double().numpy(),
            imagined_cost=cost(plan)[:, 0].cpu().double().numpy(),
        )
