"""Searches that sample: the cross-entropy method, its improved form, path integrals, shooting.

Shapes in this module: as in `lewm.planning.search`.

Source: the solvers of stable-worldmodel 0.1.1 (facts/lewm.md 5.1 and 5.5), restated. Given the same
noise they find the same plans (tests/reference/solvers.py).
"""

import torch
from torch import Tensor

from lewm.planning.plan_config import PlanConfig
from lewm.planning.search import Found, Problem, lowest


def cem(config: PlanConfig, problem: Problem) -> Found:
    """Cross-entropy method: refit a Gaussian to the elites, return its final mean."""
    mean = problem.start
    std = torch.full_like(mean, config.initial_std)
    for iteration in range(config.iterations):
        candidates = mean + std * problem.noise(config.num_samples, *mean.shape[2:])
        candidates[:, 0] = mean[:, 0]
        candidates = problem.clip(candidates)
        costs = problem.score(iteration, candidates)
        elites, elite_costs = lowest(candidates, costs, config.elites)
        mean = elites.mean(dim=1, keepdim=True)
        std = elites.std(dim=1, keepdim=True)
    return Found(mean[:, 0], std[:, 0], elite_costs.mean(dim=1))


def icem(config: PlanConfig, problem: Problem) -> Found:
    """Improved CEM: noise coloured along the plan, kept elites, momentum, bounds.

    Source: Pinneri et al., CoRL 2020, without its shrinking number of samples, as in the reference.
    """
    momentum, num_kept = config.option("momentum"), int(config.option("kept_elites"))
    mean = problem.start
    std = torch.full_like(mean, config.initial_std)
    elites = mean[:, :0]
    for iteration in range(config.iterations):
        noise = coloured(problem, config.num_samples, config.option("noise_beta"))
        candidates = mean + std * noise
        candidates[:, 0] = mean[:, 0]
        kept = elites[:, :num_kept]
        candidates[:, 1 : 1 + kept.shape[1]] = kept
        candidates = problem.clip(candidates)
        costs = problem.score(iteration, candidates)
        elites, elite_costs = lowest(candidates, costs, config.elites)
        mean = momentum * mean + (1 - momentum) * elites.mean(dim=1, keepdim=True)
        std = momentum * std + (1 - momentum) * elites.std(dim=1, keepdim=True)
    return Found(mean[:, 0], std[:, 0], elite_costs.mean(dim=1))


def coloured(problem: Problem, num_samples: int, beta: float) -> Tensor:
    """Noise (N, S, T, K, A) whose power falls with frequency to the `beta` along the plan.

    Each action dimension of each sample is scaled to unit standard deviation over its T steps.
    """
    num_steps, block_size, width = problem.start.shape[2:]
    white = problem.noise(num_samples, block_size * width, num_steps)
    if num_steps > 1:
        frequencies = torch.fft.rfftfreq(num_steps, device=white.device)
        frequencies[0] = frequencies[1]
        spectrum = torch.fft.rfft(white) * frequencies.pow(-beta / 2)
        white = torch.fft.irfft(spectrum, n=num_steps)
        white = white / white.std(dim=-1, keepdim=True).clamp(min=1e-8)
    return white.transpose(-1, -2).reshape(-1, num_samples, num_steps, block_size, width)


def mppi(config: PlanConfig, problem: Problem) -> Found:
    """Model predictive path integral: a mean of the elites, weighted by cost; a fixed spread.

    Source: Williams et al., ICRA 2017, restricted to the elites as in the reference.
    """
    mean = problem.start
    std = torch.full_like(mean, config.initial_std)
    for iteration in range(config.iterations):
        candidates = mean + config.initial_std * problem.noise(config.num_samples, *mean.shape[2:])
        candidates[:, 0] = mean[:, 0]
        candidates = problem.clip(candidates)
        costs = problem.score(iteration, candidates)
        elites, elite_costs = lowest(candidates, costs, config.elites)
        excess = elite_costs - elite_costs[:, :1]
        weights = torch.softmax(-excess / config.option("temperature"), dim=1)
        mean = (weights[..., None, None, None] * elites).sum(dim=1, keepdim=True)
    return Found(mean[:, 0], std[:, 0], elite_costs.mean(dim=1))


def random_shooting(config: PlanConfig, problem: Problem) -> Found:
    """Predictive sampling: draw once around the start, keep the best candidate.

    Source: Howell et al., arXiv:2212.00541.
    """
    start = problem.start
    noise = problem.noise(config.num_samples, *start.shape[2:])
    candidates = start + config.initial_std * noise
    candidates[:, 0] = start[:, 0]
    candidates = problem.clip(candidates)
    best, cost = lowest(candidates, problem.score(0, candidates), 1)
    return Found(best[:, 0], torch.zeros_like(best[:, 0]), cost[:, 0])
