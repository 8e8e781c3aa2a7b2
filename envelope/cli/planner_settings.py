"""How the audited planner plans: the checkpoint's own settings, or what a deploy file declares."""

from dataclasses import replace
from typing import Any

from envelope.deploy import DeployedConventions, DeployedPlanner
from envelope.errors import EnvelopeError
from envelope.records import Conventions, PlannerScope
from lewm.adapter import AuditableModel
from lewm.planning.plan_config import PlanConfig

GOAL_OFFSET_ENV_STEPS = 25
BUDGET_ENV_STEPS = 50
_DECLARABLE = (
    "algorithm",
    "num_samples",
    "iterations",
    "elites",
    "horizon",
    "block_size",
    "execute_blocks",
    "cost",
    "options",
)
"""What a deploy file may ask of the planner."""


def plan_config(model: AuditableModel, declared: DeployedPlanner) -> PlanConfig:
    """The checkpoint's own settings, with what is declared instead.

    Raises:
        EnvelopeError: nothing can plan so, or the record cannot say it.
    """
    changes = {
        name: getattr(declared, name) for name in _DECLARABLE if getattr(declared, name) is not None
    }
    if declared.history not in (None, model.history):
        raise EnvelopeError(
            f"the deploy file declares history {declared.history}, the predictor of {model.name} "
            f"was trained with {model.history}",
            next_step=f"declare history {model.history}",
        )
    try:
        config = replace(model.plan_config, **changes)
    except ValueError as error:
        raise EnvelopeError(
            f"nothing can plan as the deploy file declares: {error}",
            next_step="correct planner_scope in the deploy file",
        ) from None
    _require_sayable(model, config)
    return config


def _require_sayable(model: AuditableModel, config: PlanConfig) -> None:
    """Refuse a planner that the record's planner scope has no words for."""
    if config.history != 1:
        raise EnvelopeError(
            f"the planner of {model.name} has history={config.history}, which the planner scope of "
            "a record cannot say yet",
            next_step="measure with a checkpoint whose planner leaves it at 1",
        )
    if config.algorithm == "gradient":
        raise EnvelopeError(
            "the gradient planner cannot plan on the true dynamics, which an audit compares with",
            next_step="measure with another algorithm, for instance cem",
        )


def planner_scope(
    model: AuditableModel, config: PlanConfig, world: Any, device: str, declared: DeployedPlanner
) -> PlannerScope:
    """The same as the record says it, with the conventions of the evaluation."""
    conventions = declared.conventions or DeployedConventions()
    return PlannerScope(
        algorithm=config.algorithm,
        num_samples=config.num_samples,
        iterations=config.iterations,
        elites=config.elites,
        horizon=config.horizon,
        block_size=config.block_size,
        execute_blocks=config.execute_blocks,
        history=model.history,
        cost=config.cost,
        options=config.options,
        conventions=Conventions(
            action_scale="zscore",
            batchnorm="eval",
            success_rule=world.success_rule,
            goal_offset_env_steps=_given(conventions.goal_offset_env_steps, GOAL_OFFSET_ENV_STEPS),
            budget_env_steps=_given(conventions.budget_env_steps, BUDGET_ENV_STEPS),
            solver_batch="any",
            dtype="float32",
            device=device,
        ),
        admitted={},
    )


def _given(declared: int | None, default: int) -> int:
    return default if declared is None else declared
