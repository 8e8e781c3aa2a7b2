"""Each search on costs whose answer is known."""

from dataclasses import replace

import pytest
import torch

from lewm.errors import LewmError
from lewm.planning.plan_config import PlanConfig
from lewm.planning.planner import search
from lewm.planning.search import Problem, lowest, streams
from lewm.planning.search_sampling import coloured

SHAPE = (4, 5, 2)  # T, K, A
BASE = PlanConfig(num_samples=64, iterations=8, elites=8, horizon=4, execute_blocks=4)
CONFIGS = {
    "cem": BASE,
    "icem": replace(BASE, algorithm="icem", options={"action_low": -9.0, "action_high": 9.0}),
    "mppi": replace(BASE, algorithm="mppi", initial_std=0.3),
    "gradient": replace(BASE, algorithm="gradient", iterations=40),
    "random_shooting": replace(BASE, algorithm="random_shooting", iterations=1, initial_std=0.3),
}
ALGORITHMS = pytest.mark.parametrize("algorithm", CONFIGS)
TARGET = torch.linspace(-1, 1, 40).reshape(SHAPE)


def distance(candidates):
    return (candidates - TARGET.to(candidates)).square().sum(dim=(-3, -2, -1))


def problem(cost=distance, *, seeds=(0, 1), start=None, **more):
    mean = torch.zeros(len(seeds), *SHAPE) if start is None else start
    return Problem(cost, mean, streams(seeds), **more)


@ALGORITHMS
def test_a_search_ends_nearer_than_it_began(algorithm):
    found = search(CONFIGS[algorithm], problem())

    at_start = distance(torch.zeros(1, 1, *SHAPE))
    assert (distance(found.plan[:, None]) < 0.95 * at_start).all()


@ALGORITHMS
def test_a_case_does_not_know_its_neighbours(algorithm):
    together = search(CONFIGS[algorithm], problem(seeds=(3, 4, 5)))
    alone = search(CONFIGS[algorithm], problem(seeds=(4,)))

    assert torch.allclose(together.plan[1], alone.plan[0], atol=1e-6)
    assert torch.allclose(together.elite_cost[1], alone.elite_cost[0], rtol=1e-5)


@ALGORITHMS
def test_a_search_that_begins_at_the_answer_does_not_leave_it_far(algorithm):
    begun = search(CONFIGS[algorithm], problem(start=TARGET.expand(2, *SHAPE).clone()))

    assert (distance(begun.plan[:, None]) < 0.5 * distance(torch.zeros(1, 1, *SHAPE))).all()


@ALGORITHMS
def test_every_iteration_can_be_watched(algorithm):
    watched = []

    search(
        CONFIGS[algorithm],
        problem(observe=lambda *seen: watched.append((seen[0], seen[1].shape, seen[2]))),
    )

    num = CONFIGS[algorithm].iterations + (algorithm == "gradient")
    assert [iteration for iteration, _, _ in watched] == list(range(num))
    assert {shape for _, shape, _ in watched} == {(2, 64, *SHAPE)}
    assert not any(costs.requires_grad for _, _, costs in watched)


@ALGORITHMS
def test_no_candidate_leaves_the_bounds(algorithm):
    tried = []
    limits = (torch.tensor([-0.5, -0.2]), torch.tensor([0.5, 0.1]))

    found = search(
        CONFIGS[algorithm],
        problem(bounds=limits, observe=lambda _, candidates, __: tried.append(candidates.clone())),
    )

    everything = torch.cat([torch.stack(tried).reshape(-1, 2), found.plan.reshape(-1, 2)])
    assert torch.equal(everything.amin(dim=0), limits[0])
    assert torch.equal(everything.amax(dim=0), limits[1])


@ALGORITHMS
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_search_without_any_finite_cost_is_refused(algorithm, value):
    def hopeless(candidates):
        costs = distance(candidates)
        return torch.where(torch.tensor([[False], [True]]), value, costs)

    with pytest.raises(
        LewmError, match=r"no candidate has a finite cost, in 1 of 2 cases .* case 1"
    ):
        search(CONFIGS[algorithm], problem(hopeless))


@ALGORITHMS
def test_a_candidate_without_a_finite_cost_is_never_chosen(algorithm):
    def holes(candidates):
        is_bad = torch.arange(candidates.shape[1]) % 3 == 1
        return distance(candidates).masked_fill(is_bad, torch.nan)

    found = search(CONFIGS[algorithm], problem(holes))

    assert found.plan.isfinite().all()
    assert found.elite_cost.isfinite().all()


@pytest.mark.parametrize("algorithm", ["cem", "icem", "mppi"])
def test_no_candidate_of_infinite_cost_is_averaged_in_where_few_are_finite(algorithm):
    seen = []

    def few_are_finite(candidates):
        cost = distance(candidates)
        third = cost.topk(3, dim=1, largest=False).values[:, -1:]
        return cost.masked_fill(cost > third, torch.inf)

    def watch(iteration, candidates, costs):
        seen.append(candidates[costs.isfinite()])

    config = replace(CONFIGS[algorithm], iterations=1)
    options = {**config.options, "momentum": 0.0} if algorithm == "icem" else config.options
    config = replace(config, options=options)
    found = search(config, problem(few_are_finite, seeds=(0,), observe=watch))

    low, high = seen[0].min(dim=0).values, seen[0].max(dim=0).values
    assert len(seen[0]) == 3
    assert ((found.plan[0] >= low - 1e-6) & (found.plan[0] <= high + 1e-6)).all()
    assert found.elite_cost.isfinite().all()


def test_where_all_are_finite_the_elites_are_the_lowest_as_ever():
    generator = torch.Generator().manual_seed(0)
    costs = torch.randn(3, 20, generator=generator)
    candidates = torch.randn(3, 20, *SHAPE, generator=generator)

    elites, elite_costs = lowest(candidates, costs, 6)

    best = costs.topk(6, dim=1, largest=False)
    assert torch.equal(elite_costs, best.values)
    assert torch.equal(elites, candidates[torch.arange(3)[:, None], best.indices])


def test_the_elites_of_cem_are_those_of_a_plain_loop():
    generator, mean, std = torch.Generator().manual_seed(1), torch.zeros(SHAPE), torch.ones(SHAPE)
    for _ in range(BASE.iterations):
        noise = torch.randn(BASE.num_samples, *SHAPE, generator=generator)
        tried = [mean] + [mean + std * one for one in noise[1:]]
        best = torch.stack(sorted(tried, key=lambda one: float(distance(one)))[: BASE.elites])
        mean, std = best.mean(dim=0), best.std(dim=0)

    found = search(BASE, problem(seeds=(1,)))

    assert torch.allclose(found.plan[0], mean, atol=1e-5)
    assert torch.allclose(found.spread[0], std, atol=1e-5)


def test_without_colour_memory_and_kept_elites_icem_draws_as_widely_as_cem():
    plain = {"noise_beta": 0.0, "momentum": 0.0, "kept_elites": 0.0}
    bounds = {"action_low": -9.0, "action_high": 9.0}
    config = replace(BASE, algorithm="icem", iterations=1, options={**plain, **bounds})

    spread = search(config, problem(seeds=range(20))).spread.mean()
    of_cem = search(replace(BASE, iterations=1), problem(seeds=range(20))).spread.mean()

    assert float(spread) == pytest.approx(float(of_cem), rel=0.2)


def test_kept_elites_are_tried_again():
    tried = []
    config = replace(CONFIGS["icem"], options={**CONFIGS["icem"].options, "kept_elites": 2.0})

    search(config, problem(observe=lambda _, c, costs: tried.append((c.clone(), costs))))

    (first, costs), (second, _) = tried[:2]
    best = costs[0].argsort()[:2]
    assert torch.equal(second[0, 1:3], first[0, best])


@pytest.mark.parametrize(("beta", "slope"), [(0.0, 0.0), (2.0, -2.0)])
def test_coloured_noise_has_the_power_it_is_named_for(beta, slope):
    num_steps = 33
    start = torch.zeros(1, num_steps, 5, 2)

    noise = coloured(Problem(distance, start, streams([0])), 400, beta)

    power = torch.fft.rfft(noise, dim=2).abs().square().mean(dim=(0, 1, 3, 4))[1:]
    frequency = torch.fft.rfftfreq(num_steps)[1:]
    x, y = frequency.log(), power.log()
    fitted = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    assert noise.shape == (1, 400, num_steps, 5, 2)
    assert float(fitted) == pytest.approx(slope, abs=0.25)


def test_a_cold_path_integral_takes_the_best_candidate():
    tried = []
    config = replace(CONFIGS["mppi"], iterations=1, options={"temperature": 1e-6})

    found = search(config, problem(observe=lambda _, c, costs: tried.append((c, costs))))

    candidates, costs = tried[0]
    assert torch.allclose(found.plan[0], candidates[0, costs[0].argmin()])


def test_random_shooting_takes_the_best_candidate():
    tried = []
    found = search(
        CONFIGS["random_shooting"],
        problem(observe=lambda _, c, costs: tried.append((c, costs))),
    )

    candidates, costs = tried[0]
    assert torch.equal(found.plan[1], candidates[1, costs[1].argmin()])


def test_descent_needs_a_cost_with_a_gradient():
    with pytest.raises(LewmError, match="needs a model whose imagination has gradients"):
        search(CONFIGS["gradient"], problem(lambda candidates: distance(candidates.detach())))
