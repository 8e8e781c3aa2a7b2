"""Search by descent: gradients of the cost through the imagined future.

Shapes in this module: as in `lewm.planning.search`.
"""

import torch

from lewm.errors import LewmError
from lewm.planning.plan_config import PlanConfig
from lewm.planning.search import Found, Problem, lowest


def gradient(config: PlanConfig, problem: Problem) -> Found:
    """AdamW on every candidate by itself; returns the one that is best after the last update.

    The first candidate is the start, the others are drawn around it.

    Source: the gradient solver of stable-worldmodel (August 2026) in its evaluation preset
    (facts/lewm.md 5.5), restated. Release 0.1.1 chooses by the costs before the last update.

    Raises:
        LewmError: the cost has no gradient.
    """
    start = problem.start
    noise = problem.noise(config.num_samples - 1, *start.shape[2:])
    others = start + config.initial_std * noise
    actions = problem.clip(torch.cat([start, others], dim=1)).requires_grad_()
    optimizer = torch.optim.AdamW(
        [actions],
        lr=config.option("learning_rate"),
        weight_decay=config.option("weight_decay"),
    )
    for iteration in range(config.iterations):
        with torch.enable_grad():
            costs = problem.score(iteration, actions)
            if not costs.requires_grad:
                raise LewmError(
                    "the gradient planner needs a model whose imagination has gradients, and "
                    "this one has none",
                    next_step="plan with --algorithm cem",
                )
            (actions.grad,) = torch.autograd.grad(costs.sum(), [actions])
        optimizer.step()
        optimizer.zero_grad()
        with torch.no_grad():
            actions.copy_(problem.clip(actions))
    actions = actions.detach()
    best, cost = lowest(actions, problem.score(config.iterations, actions), 1)
    return Found(best[:, 0], torch.zeros_like(best[:, 0]), cost[:, 0])
