"""Search over action sequences: candidates in, costs out, the best kept; one file per family.

Shapes in this module:
    N  cases            S  candidates      T  model steps (action blocks)
    K  env steps per action block          A  action width

Everything here is z-scored. Each case draws from a generator of its own, so a plan does not depend
on its neighbours in the batch. Nothing waits for the device before the search ends.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from lewm.errors import LewmError
from lewm.planning.plan_config import PlanConfig

Cost = Callable[[Tensor], Tensor]
"""Costs (N, S) of candidates (N, S, T, K, A)."""

Observe = Callable[[int, Tensor, Tensor], None]
"""Told of every iteration: its number, the candidates (N, S, T, K, A) and their costs (N, S)."""

Seed = int | torch.Generator
"""Of one case: a number, or a stream that goes on where it is."""

Bounds = tuple[Tensor, Tensor]
"""Lowest and highest action, (A,) each."""


@dataclass(frozen=True)
class Found:
    """What a search ends with."""

    plan: Tensor
    """(N, T, K, A)."""
    spread: Tensor
    """Standard deviation of the next candidates, (N, T, K, A); 0 where nothing is refitted."""
    elite_cost: Tensor
    """Mean cost of the candidates behind the plan, in the last iteration, (N,)."""


def streams(seeds: Sequence[Seed]) -> list[torch.Generator]:
    """One generator per case."""
    return [
        seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
        for seed in seeds
    ]


class Problem:
    """Where a search looks: the cost, the first mean, the noise and the bounds."""

    def __init__(
        self,
        cost: Cost,
        start: Tensor,
        streams: Sequence[torch.Generator],
        *,
        bounds: Bounds | None = None,
        observe: Observe | None = None,
    ) -> None:
        """`start` is the first mean, (N, T, K, A); there is one stream per case."""
        self.start = start[:, None]
        self._cost = cost
        self._streams = streams
        self._bounds = bounds
        self._observe = observe
        self._usable = torch.ones(len(start), dtype=torch.bool, device=start.device)

    def noise(self, *shape: int) -> Tensor:
        """Standard normal noise, (N, *shape)."""
        device = self.start.device
        return torch.stack(
            [
                torch.randn(*shape, generator=stream, device=stream.device).to(device)
                for stream in self._streams
            ]
        )

    def clip(self, candidates: Tensor) -> Tensor:
        """Cut to the bounds, where there are any."""
        return candidates if self._bounds is None else candidates.clamp(*self._bounds)

    def score(self, iteration: int, candidates: Tensor) -> Tensor:
        """Costs (N, S); what is no finite number counts as infinite."""
        costs = self._cost(candidates)
        finite = costs.isfinite()
        self._usable &= finite.any(dim=1)
        costs = costs.masked_fill(~finite, torch.inf)
        if self._observe is not None:
            self._observe(iteration, candidates.detach(), costs.detach())
        return costs

    def require_usable(self) -> None:
        """Refuse the outcome of a search in which some iteration had no finite cost.

        Raises:
            LewmError: that happened.
        """
        lost = (~self._usable).nonzero()[:, 0].tolist()
        if lost:
            raise LewmError(
                f"no candidate has a finite cost, in {len(lost)} of {len(self._usable)} cases "
                f"(the first is case {lost[0]})",
                next_step="check the frames and the model's weights for NaN",
            )


class Search(Protocol):
    """One algorithm."""

    def __call__(self, config: PlanConfig, problem: Problem) -> Found: ...


def lowest(candidates: Tensor, costs: Tensor, num: int) -> tuple[Tensor, Tensor]:
    """The `num` candidates of lowest cost, best first, (N, num, T, K, A), and their costs.

    None of infinite cost is among them as long as another is there: where fewer than `num` are
    finite these stand in for the rest, in turn from the best on.
    """
    best = costs.topk(num, dim=1, largest=False)
    num_finite = best.values.isfinite().sum(dim=1, keepdim=True).clamp(min=1)
    turns = torch.arange(num, device=costs.device) % num_finite  # 0, 1, 2, ... where all are finite
    rows = torch.arange(len(candidates), device=candidates.device)[:, None]
    return candidates[rows, best.indices.gather(1, turns)], best.values.gather(1, turns)
