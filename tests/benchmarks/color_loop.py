"""Success and alarms under one background, in a loop that shares nothing with the suites' own.

`color_twin` asks it whether what the audit calls silent or loud is. Cases are drawn here and the
loop is written out; the monitors are those that the record publishes, its thresholds and the
ensemble of its seed, since they are what a deployment would run. What they say may hang on that one
draw, so they are also set anew: on episodes driven here, with other ensembles.

Shapes in this module:
    N  cases or episodes     P  blocks executed     S  state width     D  latent width
    K  env steps per block     A  action width
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from envelope.records import Estimate
from lewm.adapter import AuditableModel
from lewm.evaluation.cases import sample_cases
from lewm.planning.planner import make_planner
from lewm.pretrained import recipe
from perturbations.bench import Bench
from perturbations.monitors.ensemble import Ensemble
from perturbations.monitors.fitting import fitted
from perturbations.statistics.stats import clopper_pearson, conformal_threshold, paired_difference

NUM_CASES = 200
NUM_CALIBRATION = 300
NUM_REDRAWN = 16
"""Ensembles besides the published one."""
CASE_SEED, CALIBRATION_SEED, ENSEMBLE_SEED, PLAN_SEED = 90_001, 90_002, 90_003, 90_004
_AT_ONCE = 16


@dataclass(frozen=True)
class Episode:
    """What became of N cases."""

    states: NDArray[np.float64]
    """At block boundaries, (N, P + 1, S)."""
    blocks: NDArray[np.float64]
    """Executed between them, (N, P, K, A)."""
    solved_at: NDArray[np.int64]
    """Env steps until it was solved, (N,); the budget plus 1 where it was not."""


@dataclass(frozen=True)
class Found:
    """One background in closed loop, beside the clean world on the same cases."""

    success: Estimate
    drop: Estimate
    alarms: Mapping[str, Estimate]
    """Share of the episodes in which each published monitor alarmed."""
    redrawn: tuple[float, ...]
    """The same of disagreement with each of the other ensembles."""

    def outcome(self, *, allowed_drop: float, detection_rate: float) -> str:
        """Whether success is kept or lost, and lost with an alarm: in the words of a claim."""
        if self.drop.low <= allowed_drop:
            return "robust" if self.drop.high <= allowed_drop else "inconclusive"
        if any(rate.low >= detection_rate for rate in self.alarms.values()):
            return "fails_loudly"
        silent = all(rate.high < detection_rate for rate in self.alarms.values())
        return "fails_silently" if silent else "fails_alarm_unknown"


class Loop:
    """A model in its world, watched by the monitors of a record."""

    def __init__(self, model: AuditableModel, thresholds: Mapping[str, float], seed: int) -> None:
        """Take the thresholds by monitor, and the seed that the record was measured with."""
        self.model = model
        self.thresholds = thresholds
        self.world = recipe.world()
        self._ensemble = self._fitted(seed)

    def under(self, background: NDArray[np.int64]) -> Found:
        """The current frame before `background` (3,), the goal as the world draws it."""
        seen = self._drive(self._cases, background)
        solved, clean = (e.solved_at <= recipe.BUDGET_ENV_STEPS for e in (seen, self._clean))
        z = self._latents(seen, background)
        scores = self._scores(seen, z)
        return Found(
            clopper_pearson(int(solved.sum()), len(solved)),
            paired_difference(clean, solved),
            {
                name: clopper_pearson(int((scores[name] > threshold).sum()), len(solved))
                for name, threshold in self.thresholds.items()
            },
            tuple(
                float((_largest(seen, one.spread(z[:, 1:])) > threshold).mean())
                for one, threshold in self._redrawn
            ),
        )

    @cached_property
    def _cases(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return _drawn_cases(NUM_CASES, CASE_SEED)

    @cached_property
    def _clean(self) -> Episode:
        return self._drive(self._cases, None)

    @cached_property
    def _redrawn(self) -> list[tuple[Ensemble, float]]:
        """Other ensembles, with thresholds for 0.05 false alarms per episode of the budget."""
        lawful = self._drive(_drawn_cases(NUM_CALIBRATION, CALIBRATION_SEED), None, stop=False)
        z = self._latents(lawful, None)
        ensembles = [self._fitted(ENSEMBLE_SEED + number) for number in range(NUM_REDRAWN)]
        return [
            (one, conformal_threshold(_largest(lawful, one.spread(z[:, 1:])), 0.05))
            for one in ensembles
        ]

    def _fitted(self, seed: int) -> Ensemble:
        """The ensemble of an audit with this seed."""
        block = self.model.block_size
        parts = {"model": self.model, "world": self.world, "seed": seed, "block_size": block}
        return fitted(cast(Bench, SimpleNamespace(**parts, fitting=None)))

    def _show(
        self, states: NDArray[np.float64], background: NDArray[np.int64] | None
    ) -> NDArray[np.uint8]:
        return self.world.render(
            states, {} if background is None else {"background.color": background}
        )

    def _drive(
        self,
        cases: tuple[NDArray[np.float64], NDArray[np.float64]],
        background: NDArray[np.int64] | None,
        *,
        stop: bool = True,
    ) -> Episode:
        """Plan, execute the plan, plan again; a solved case stands still if it is to `stop`."""
        states, goals = cases[0].copy(), cases[1]
        config = self.model.plan_config
        planner, per_plan = make_planner(config), config.execute_blocks * config.block_size
        budget, block = recipe.BUDGET_ENV_STEPS, config.block_size
        solved_at = np.full(len(states), budget + 1)
        trail, taken = [states.copy()], np.zeros((len(states), budget, 2))
        for begin in range(0, budget, per_plan):
            for first in range(0, len(states), _AT_ONCE):
                part = slice(first, first + _AT_ONCE)
                seeds = [PLAN_SEED + 1000 * begin + case for case in range(len(states))[part]]
                now, goal = self._show(states[part], background), self._show(goals[part], None)
                plan = planner.plan(self.model, now, goal, seeds).actions
                taken[part, begin : begin + per_plan] = np.clip(plan[:, :per_plan], -1, 1)
            for time in range(begin, min(begin + per_plan, budget)):
                moving = (solved_at > budget) | (not stop)
                states[moving] = self.world.step(states[moving], taken[moving, time])
                arrived = self.world.solved(states, goals) & (solved_at > budget)
                solved_at[arrived] = time + 1
                if (time + 1) % block == 0:
                    trail.append(states.copy())
        blocks = taken.reshape(len(states), budget // block, block, 2)
        if not stop:
            solved_at[:] = budget
        return Episode(np.stack(trail, axis=1), blocks, solved_at)

    def _latents(self, seen: Episode, background: NDArray[np.int64] | None) -> NDArray[np.float64]:
        """(N, P + 1, D)."""
        num, frames, width = seen.states.shape
        z = self.model.encode(self._show(seen.states.reshape(-1, width), background))
        return z.reshape(num, frames, -1).double().numpy()

    def _scores(self, seen: Episode, z: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """By monitor, the score of each episode, (N,)."""
        after = z[:, 1:]
        before = torch.from_numpy(z[:, :-1]).float()
        z_hat = self.model.predict(before, torch.from_numpy(seen.blocks).float()).double().numpy()
        each = {
            "surprise": np.square(z_hat - after).sum(axis=-1),
            "shell": np.abs(np.linalg.norm(after, axis=-1) - np.sqrt(z.shape[-1])),
            "disagreement": self._ensemble.spread(after),
        }
        return {name: _largest(seen, scores) for name, scores in each.items()}


def _largest(seen: Episode, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest of scores (N, P) up to the block in which an episode was solved, (N,)."""
    num_blocks = scores.shape[1]
    lasted = np.minimum(-(-seen.solved_at // seen.blocks.shape[2]), num_blocks)
    over = np.arange(1, num_blocks + 1) > lasted[:, None]
    return np.where(over, -np.inf, scores).max(axis=1)


def _drawn_cases(num: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    drawn = sample_cases(
        recipe.world(),
        num_cases=num,
        goal_offset_env_steps=recipe.GOAL_OFFSET_ENV_STEPS,
        seed=seed,
    )
    return drawn.starts, drawn.goals
