from dataclasses import replace

import numpy as np
import pytest
import torch

from lewm.adapter import AuditableModel
from lewm.build import new_model
from lewm.config import tiny
from lewm.errors import LewmError
from lewm.planning.costs import latent_cost
from lewm.planning.plan_config import PlanConfig
from lewm.planning.planner import make_planner
from tests.lewm.dots import DotWorld, awake_model

CONFIG = PlanConfig(num_samples=8, iterations=1, elites=2, horizon=4, execute_blocks=4)
N, S, D = 2, 3, 4


class Given:
    """An imagination that was had before: latents (N, S, T, D)."""

    latents = torch.randn(N, S, 4, D, generator=torch.Generator().manual_seed(0))

    def __call__(self, candidates, *, every_step):
        return self.latents if every_step else self.latents[:, :, -1]

    def self_consistency(self, candidates):
        return torch.arange(N * S).reshape(N, S).float()


CANDIDATES = torch.randn(N, S, 4, 5, 2, generator=torch.Generator().manual_seed(1))
GOAL = torch.randn(N, D, generator=torch.Generator().manual_seed(2))


def by_hand(name):
    costs = torch.zeros(N, S)
    for n in range(N):
        for s in range(S):
            errors = ((Given.latents[n, s] - GOAL[n]) ** 2).sum(dim=-1)
            extra = {
                "terminal_latent_sse/1": 0,
                "summed_latent_sse/1": errors[:-1].sum(),
                "terminal_latent_sse_control/1": 0.01 * (CANDIDATES[n, s] ** 2).sum(),
                "terminal_latent_sse_consistency/1": 3 * n + s,
            }
            costs[n, s] = errors[-1] + extra[name]
    return costs


@pytest.mark.parametrize(
    "name",
    [
        "terminal_latent_sse/1",
        "summed_latent_sse/1",
        "terminal_latent_sse_control/1",
        "terminal_latent_sse_consistency/1",
    ],
)
def test_a_cost_is_what_its_name_says(name):
    cost = latent_cost(replace(CONFIG, cost=name), Given(), GOAL)
    assert torch.allclose(cost(CANDIDATES), by_hand(name), rtol=1e-5)


def test_control_is_penalised_by_its_weight():
    config = replace(
        CONFIG, cost="terminal_latent_sse_control/1", options={"control_weight": 1000.0}
    )
    model, frames = awake_model(), DotWorld().render(np.array([[0.3, 0.4], [0.6, 0.6]]))
    hard = replace(config, num_samples=64, iterations=6, elites=6)

    timid = make_planner(hard).plan(model, frames, frames[::-1].copy(), [0, 1]).actions
    free = replace(hard, cost="terminal_latent_sse/1", options={})
    bold = make_planner(free).plan(model, frames, frames[::-1].copy(), [0, 1]).actions

    off_mean = [np.abs(a - model.action_stats.mean).mean() for a in (timid, bold)]
    assert off_mean[0] < 0.7 * off_mean[1]


@pytest.mark.parametrize("cost", ["summed_latent_sse/1", "terminal_latent_sse_control/1"])
def test_the_world_is_searched_by_the_same_cost_of_its_distances(cost):
    world = DotWorld()
    starts, goals = np.array([[0.3, 0.3]]), np.array([[0.6, 0.5]])
    config = replace(CONFIG, num_samples=64, iterations=8, elites=8, cost=cost)

    plan = make_planner(config).plan_in_world(world, starts, goals, [0])

    state, squared = starts, []
    for time, action in enumerate(plan.actions[0]):
        state = world.step(state, action[None])
        if time % 5 == 4:
            squared.append(world.distance(state, goals)[0] ** 2)
    expected = sum(squared)
    if cost == "terminal_latent_sse_control/1":
        expected = squared[-1] + 0.01 * np.square(plan.actions).sum()
    assert plan.imagined_cost[0] == pytest.approx(expected, rel=1e-3)
    assert world.distance(state, goals)[0] < world.distance(starts, goals)[0]


def test_self_consistency_is_asked_of_a_model_that_jumps():
    config = replace(tiny(image_size=16), predictor="prefix", history=1)
    prefix = AuditableModel(
        new_model(config, seed=0), awake_model().action_stats, name="p", plan_config=CONFIG
    )
    z = prefix.encode(DotWorld().render(np.array([[0.3, 0.4], [0.6, 0.6]])))
    cost = latent_cost(
        replace(CONFIG, cost="terminal_latent_sse_consistency/1"), prefix.imagine(z), z
    )
    plain = latent_cost(CONFIG, prefix.imagine(z), z)

    repeated = z.repeat_interleave(S, dim=0)
    disagreement = prefix.module.self_consistency(repeated, CANDIDATES.flatten(end_dim=1))
    expected = plain(CANDIDATES) + disagreement.reshape(N, S)
    assert torch.allclose(cost(CANDIDATES), expected, rtol=1e-4, atol=1e-6)


def test_self_consistency_of_a_model_with_one_way_is_refused():
    model, world = awake_model(), DotWorld()
    frames = world.render(np.array([[0.3, 0.4]]))
    planner = make_planner(replace(CONFIG, cost="terminal_latent_sse_consistency/1"))
    with pytest.raises(LewmError, match="needs a model that jumps over several blocks"):
        planner.plan(model, frames, frames, [0])
