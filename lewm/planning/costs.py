"""What a planner minimises. A cost has a name and a version: other numbers, other version.

Shapes in this module:
    N  cases            S  candidates      T  model steps
    K  env steps per action block          A  action width      D  latent width

Latents are compared by the sum of squared differences, actions are z-scored. Source: the terminal
cost of LeWM (facts/lewm.md 5.2); the control penalty of stable-worldmodel; the self-consistency of
Fast-LeWM (facts/systems.md 4).
"""

from collections.abc import Callable

from torch import Tensor

from lewm.planning.imagination import Imagination
from lewm.planning.plan_config import PlanConfig
from lewm.planning.search import Cost

Error = Callable[[Tensor], Tensor]
"""Squared error to the goal: of the last step (N, S), or of every step (N, S, T)."""


def latent_cost(config: PlanConfig, imagine: Imagination, goal: Tensor) -> Cost:
    """The cost of candidates (N, S, T, K, A) in the model's imagination.

    Args:
        config: names the cost and holds its weights.
        imagine: where candidates lead.
        goal: latents of the goal, (N, D).

    Raises:
        LewmError: (when called) the cost asks for what the imagination cannot tell.
    """
    every_step = needs_every_step(config)
    target = goal[:, None, None] if every_step else goal[:, None]

    def error(candidates: Tensor) -> Tensor:
        imagined = imagine(candidates, every_step=every_step)
        return (imagined - target).square().sum(dim=-1)

    base = error_cost(config, error)
    if config.cost != "terminal_latent_sse_consistency/1":
        return base
    weight = config.option("consistency_weight")
    return lambda candidates: base(candidates) + weight * imagine.self_consistency(candidates)


def error_cost(config: PlanConfig, error: Error) -> Cost:
    """The cost that an error gives: its sum over steps, and the control penalty where there is one.

    Args:
        config: names the cost and holds its weights.
        error: of every step if `needs_every_step(config)`, else of the last.
    """
    if needs_every_step(config):
        return lambda candidates: error(candidates).sum(dim=-1)
    if config.cost == "terminal_latent_sse_control/1":
        weight = config.option("control_weight")
        return lambda candidates: (
            error(candidates) + weight * candidates.square().sum(dim=(-3, -2, -1))
        )
    return error


def needs_every_step(config: PlanConfig) -> bool:
    """Whether the cost reads more than the last step."""
    return config.cost == "summed_latent_sse/1"
