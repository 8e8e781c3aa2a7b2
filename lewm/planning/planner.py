"""Planning: a search, a cost, and something to search in.

Shapes in this module:
    N  cases            S  candidates      H  real frames, one model step apart
    T  model steps (action blocks)         K  env steps per action block
    A  action width     D  latent width    h, w  frame size

Each case draws from a generator of its own, so a plan does not depend on its neighbours in the
batch. Source of the defaults: the solver LeWM is evaluated with (facts/lewm.md 5.1).
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lewm.data.windows import ActionStats
from lewm.errors import LewmError
from lewm.planning.costs import error_cost, latent_cost, needs_every_step
from lewm.planning.imagination import PlannableModel as PlannableModel
from lewm.planning.imagination import imagination_of
from lewm.planning.plan_config import PlanConfig
from lewm.planning.plan_options import COSTS
from lewm.planning.search import Bounds, Cost, Found, Observe, Problem, Search, Seed, streams
from lewm.planning.search_gradient import gradient
from lewm.planning.search_sampling import cem, icem, mppi, random_shooting

SEARCHES: dict[str, Search] = {
    "cem": cem,
    "icem": icem,
    "mppi": mppi,
    "gradient": gradient,
    "random_shooting": random_shooting,
}


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
    """Env units, (N, T * K, A); cut to bounds only where the planner has them."""
    imagined_cost: NDArray[np.float64]
    """Cost of the returned plan as the search sees it, (N,)."""


class Planner:
    """One search algorithm with one cost, by its configuration."""

    def __init__(self, config: PlanConfig) -> None:
        self.config = config

    def varied(self, **changes: Any) -> Self:
        """The same planner with other settings."""
        return type(self)(replace(self.config, **changes))

    def siblings(self, model: PlannableModel) -> "dict[str, Planner]":
        """Planners of the other algorithms that score as many candidates, by name.

        One-shot search draws as many at once as this one scores in all its iterations. Options of
        the algorithm are left at their defaults. An algorithm that these numbers do not suit is
        left out, and so is descent on a model that is not known to have gradients.
        """
        config, found = self.config, dict[str, Planner]()
        options = {name: v for name, v in config.options.items() if name in COSTS[config.cost]}
        known = set(SEARCHES) - {config.algorithm}
        if getattr(type(model), "imagine", None) is None:
            known -= {"gradient"}
        for name in sorted(known):
            changes: dict[str, Any] = {"algorithm": name, "options": options}
            if name == "random_shooting":
                changes["num_samples"] = config.num_samples * config.iterations
                changes["iterations"] = 1
            with contextlib.suppress(ValueError):
                found[name] = Planner(replace(config, **changes))
        return found

    def plan(
        self,
        model: PlannableModel,
        frames: NDArray[np.uint8],
        goal_frames: NDArray[np.uint8],
        seeds: Sequence[Seed],
        *,
        past: NDArray[np.float64] | None = None,
        start: NDArray[np.float64] | None = None,
        observe: Observe | None = None,
    ) -> Plan:
        """Plan in the model's imagination.

        Args:
            model: the world model.
            frames: what is seen now, (N, h, w, 3), or the last frames, (N, H, h, w, 3).
            goal_frames: what should be seen, (N, h, w, 3).
            seeds: one random stream per case; a generator goes on where it is.
            past: what was executed between the frames, env units, (N, H - 1, K, A).
            start: a plan to start from, such as the rest of the last one, env units, (N, t, A);
                what it lacks starts as the mean action.
            observe: told of every iteration's z-scored candidates and their costs.

        Raises:
            ValueError: the planner's block size is not the model's, there is not one seed per
                case, or `start` is no whole number of blocks up to the horizon.
            LewmError: more frames than the planner or the model starts from; no finite cost; a
                search or a cost that this model cannot serve.
        """
        self._require_fit(model, num_frames=frames.shape[1] if frames.ndim == 5 else 1)
        _require_one_each(seeds, len(frames))
        z = model.encode(frames.reshape(-1, *frames.shape[-3:]))
        if frames.ndim == 5 and frames.shape[1] > 1:
            z = z.reshape(*frames.shape[:2], -1)
        executed = None if past is None else torch.from_numpy(past).to(z)
        imagine = imagination_of(
            model, z, executed, differentiable=self.config.algorithm == "gradient"
        )
        cost = latent_cost(self.config, imagine, model.encode(goal_frames))
        return self._solve(cost, seeds, model.action_stats, start, observe, device=z.device)

    def plan_in_world(
        self,
        world: PlannableWorld,
        states: NDArray[Any],
        goals: NDArray[Any],
        seeds: Sequence[Seed],
        *,
        action_stats: ActionStats | None = None,
        start: NDArray[np.float64] | None = None,
        observe: Observe | None = None,
    ) -> Plan:
        """The same search on the true dynamics: the ceiling of what planning can reach.

        Cost: squared distance to the goal where the cost of `plan` has latents. Give the model's
        `action_stats` for the same first candidates; without, actions start as standard normal in
        env units.

        Raises:
            ValueError: there is not one seed per case.
            LewmError: the planner descends gradients, which a world does not have; no finite cost.
        """
        if self.config.algorithm == "gradient":
            raise LewmError(
                "the gradient planner cannot plan in the world: its steps have no gradients",
                next_step="take the ceiling with another algorithm, for instance --algorithm cem",
            )
        _require_one_each(seeds, len(states))
        width = world.action_width
        stats = action_stats or ActionStats(mean=(0.0,) * width, std=(1.0,) * width)

        def error(candidates: Tensor) -> Tensor:
            blocks = stats.restore(candidates)  # (N, S, T, K, A)
            moves = blocks.flatten(end_dim=1).flatten(start_dim=1, end_dim=2).numpy()
            reached = np.repeat(states, blocks.shape[1], axis=0)
            targets = np.repeat(goals, blocks.shape[1], axis=0)
            errors = []
            for time in range(moves.shape[1]):
                reached = world.step(reached, moves[:, time])
                if (time + 1) % blocks.shape[3] == 0:
                    errors.append(np.square(world.distance(reached, targets)))
            every_step = np.stack(errors, axis=1).reshape(*blocks.shape[:3])
            chosen = every_step if needs_every_step(self.config) else every_step[..., -1]
            return torch.from_numpy(chosen).to(torch.float32)

        return self._solve(
            error_cost(self.config, error), seeds, stats, start, observe, device=torch.device("cpu")
        )

    def _require_fit(self, model: PlannableModel, *, num_frames: int) -> None:
        config = self.config
        if model.block_size != config.block_size:
            raise ValueError(
                f"the planner's block has {config.block_size} env steps, "
                f"the model's {model.block_size}"
            )
        looks_back = getattr(model, "history", 1)
        if config.history > looks_back:
            raise LewmError(
                f"the planner starts from up to {config.history} frames, the model looks back on "
                f"{looks_back}",
                next_step=f"plan with a history of at most {looks_back}",
            )
        if num_frames > config.history:
            raise LewmError(
                f"the planner starts from up to {config.history} frames, got {num_frames}",
                next_step=f"give the last {config.history}, or set the planner's history",
            )

    def _solve(
        self,
        cost: Cost,
        seeds: Sequence[Seed],
        stats: ActionStats,
        start: NDArray[np.float64] | None,
        observe: Observe | None,
        *,
        device: torch.device,
    ) -> Plan:
        problem = Problem(
            cost,
            self._start(start, len(seeds), stats).to(device),
            streams(seeds),
            bounds=self._bounds(stats, device),
            observe=observe,
        )
        plan = search(self.config, problem).plan
        with torch.no_grad():
            imagined_cost = cost(plan[:, None])[:, 0]
        actions = stats.restore(plan).flatten(start_dim=1, end_dim=2)
        return Plan(
            actions=actions.cpu().double().numpy(),
            imagined_cost=imagined_cost.cpu().double().numpy(),
        )

    def _start(
        self, actions: NDArray[np.float64] | None, num_cases: int, stats: ActionStats
    ) -> Tensor:
        config, width = self.config, len(stats.mean)
        mean = torch.zeros(num_cases, config.horizon, config.block_size, width)
        if actions is not None:
            num_blocks, rest = divmod(actions.shape[1], config.block_size)
            if rest or num_blocks > config.horizon:
                raise ValueError(
                    f"a plan of up to {config.horizon} blocks of {config.block_size} env steps can "
                    f"start from as much, got {actions.shape[1]} env steps"
                )
            given = stats.normalize(torch.from_numpy(actions).float())
            mean[:, :num_blocks] = given.reshape(num_cases, num_blocks, config.block_size, width)
        return mean

    def _bounds(self, stats: ActionStats, device: torch.device) -> Bounds | None:
        low, high = self.config.bounds
        if low is None and high is None:
            return None
        zeros = torch.zeros(len(stats.mean), device=device)
        return (
            stats.normalize(zeros + (-torch.inf if low is None else low)),
            stats.normalize(zeros + (torch.inf if high is None else high)),
        )


class CEM(Planner):
    """The cross-entropy method, which the published planner of LeWM is."""

    def __init__(self, config: PlanConfig) -> None:
        if config.algorithm != "cem":
            raise ValueError(f"{config.algorithm} is not cem; use make_planner")
        super().__init__(config)


def _require_one_each(seeds: Sequence[Seed], num_cases: int) -> None:
    if len(seeds) != num_cases:
        raise ValueError(
            f"every case plans from a seed of its own, got {len(seeds)} seeds for {num_cases} cases"
        )


def make_planner(config: PlanConfig) -> Planner:
    """The planner of a configuration."""
    return Planner(config)


def search(config: PlanConfig, problem: Problem) -> Found:
    """Run the search of a configuration on a problem of one's own.

    Raises:
        LewmError: some case had no candidate with a finite cost; the search needs gradients.
    """
    found = SEARCHES[config.algorithm](config, problem)
    problem.require_usable()
    return found
