"""The recipe of `lewm train`, and what it leaves in a checkpoint."""

from typing import Any

from lewm.checkpoints.checkpoint import Checkpoint
from lewm.config import ModelConfig
from lewm.planning.plan_config import PlanConfig
from lewm.training.train import TrainResult
from lewm.training.train_config import TrainConfig


def recipe(*, seed: int, num_updates: int, batch_size: int, **changes: Any) -> TrainConfig:
    """The bundled model's recipe, its schedules stretched over `num_updates`.

    Args:
        changes: fields of `TrainConfig` that are to be otherwise.
    """
    defaults: dict[str, Any] = {
        "schedule_updates": num_updates,
        "warmup_updates": max(1, num_updates // 15),
        "learning_rate": 5e-4,
        "weight_decay": 1e-3,
        "clip_norm": 1.0,
        "sigreg_weight": 0.02,
        "final_sigreg_weight": 0.0005,
        "sigreg_anneal_updates": max(1, 2 * num_updates // 5),
        "num_projections": 128,
        "calibration_batches": 100,
        "log_every_updates": max(1, num_updates // 20),
    }
    return TrainConfig(
        seed=seed, batch_size=batch_size, num_updates=num_updates, **{**defaults, **changes}
    )


def checkpoint_of(
    result: TrainResult, config: ModelConfig, *, world: dict[str, Any], plan_config: PlanConfig
) -> Checkpoint:
    """What is kept of a training run.

    Args:
        world: scope of the world that the episodes come from.
        plan_config: how the model plans unless told otherwise.
    """
    return Checkpoint(
        config=config,
        tensors=dict(result.model.state_dict()),
        action_stats=result.action_stats,
        world=world,
        plan_config=plan_config,
        training=result.record,
    )
