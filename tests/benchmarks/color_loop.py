"""Success and alarms under one background, in a loop that shares nothing with the suites' own.

`color_twin` asks it whether what the audit calls silent or loud is. Cases, calibration episodes,
ensemble and thresholds are drawn here; the loop is written out. Shared are model and planner, the
interval arithmetic, and the definition of the ensemble.

Shapes in this module:
    N  cases or episodes     P  blocks executed     S  state width     D  latent width
    K  env steps per block     A  action width
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from envelope.records import Estimate
from lewm.adapter import AuditableModel
from lewm.evaluation.cases import sample_cases
from lewm.planning.planner import make_planner
from lewm.pretrained import recipe
from perturbations.ensemble import Ensemble, fit
from perturbations.stats import clopper_pearson, conformal_threshold, paired_difference

NUM_CASES = 200
NUM_CALIBRATION = 300
NUM_TRANSITIONS = 500
CASE_SEED, CALIBRATION_SEED, FITTING_SEED, PLAN_SEED = 90_001, 90_002, 90_003, 90_004
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
    """Share of the episodes in which each monitor alarmed."""

    def outcome(self, *, allowed_drop: float, detection_rate: float) -> str:
        """Whether success is kept or lost, and lost with an alarm: in the words of a claim."""
        if self.drop.low <= allowed_drop:
            return "robust" if self.drop.high <= allowed_drop else "inconclusive"
        if any(rate.low >= detection_rate for rate in self.alarms.values()):
            return "fails_loudly"
        silent = all(rate.high < detection_rate for rate in self.alarms.values())
        return "fails_silently" if silent else "fails_alarm_unknown"


class Loop:
    """A model in its world, with monitors that were set on episodes it drove itself."""

    def __init__(self, model: AuditableModel) -> None:
        self.model = model
        self.world = recipe.world()

    def under(self, background: NDArray[np.int64]) -> Found:
        """The current frame before `background` (3,), the goal as the world draws it."""
        seen = self._drive(self._cases, background)
        solved, clean = (e.solved_at <= recipe.BUDGET_ENV_STEPS for e in (seen, self._clean))
        scores = self._scores(seen, background)
        return Found(
            clopper_pearson(int(solved.sum()), len(solved)),
            paired_difference(clean, solved),
            {
                name: clopper_pearson(int((found > self._thresholds[name]).sum()), len(found))
                for name, found in scores.items()
            },
        )

    @cached_property
    def _cases(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return _drawn_cases(NUM_CASES, CASE_SEED)

    @cached_property
    def _clean(self) -> Episode:
        return self._drive(self._cases, None)

    @cached_property
    def _thresholds(self) -> dict[str, float]:
        """For 0.05 false alarms per episode of the whole budget."""
        lawful = self._drive(_drawn_cases(NUM_CALIBRATION, CALIBRATION_SEED), None, stop=False)
        return {n: conformal_threshold(s, 0.05) for n, s in self._scores(lawful, None).items()}

    @cached_property
    def _ensemble(self) -> Ensemble:
        rng = np.random.default_rng(FITTING_SEED)
        before = self.world.sample_states(rng, NUM_TRANSITIONS)
        held = rng.uniform(-1, 1, (NUM_TRANSITIONS, 2))
        after = before
        for _ in range(self.model.block_size):
            after = self.world.step(after, held)
        z, z_next = (self._see(states, None).double().numpy() for states in (before, after))
        return fit(z, z_next, seed=FITTING_SEED)

    def _see(
        self, states: NDArray[np.float64], background: NDArray[np.int64] | None
    ) -> torch.Tensor:
        """Latents (N, D) of states (N, S)."""
        return self.model.encode(self._show(states, background))

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

    def _scores(
        self, seen: Episode, background: NDArray[np.int64] | None
    ) -> dict[str, NDArray[np.float64]]:
        """The largest score of each episode, up to the block in which it was solved, (N,)."""
        num, frames, width = seen.states.shape
        z = self._see(seen.states.reshape(-1, width), background).reshape(num, frames, -1)
        z_hat = self.model.predict(z[:, :-1], torch.from_numpy(seen.blocks).float())
        norm = z[:, 1:].norm(dim=-1)
        each = {
            "surprise": (z_hat - z[:, 1:]).square().sum(dim=-1).double().numpy(),
            "shell": (norm - z.shape[-1] ** 0.5).abs().double().numpy(),
            "disagreement": self._ensemble.spread(z[:, 1:].double().numpy()),
        }
        block = self.model.block_size
        lasted = np.minimum(-(-seen.solved_at // block), frames - 1)
        over = np.arange(1, frames) > lasted[:, None]  # (N, P)
        return {n: np.where(over, -np.inf, scores).max(axis=1) for n, scores in each.items()}


def _drawn_cases(num: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    drawn = sample_cases(
        recipe.world(),
        num_cases=num,
        goal_offset_env_steps=recipe.GOAL_OFFSET_ENV_STEPS,
        seed=seed,
    )
    return drawn.starts, drawn.goals
