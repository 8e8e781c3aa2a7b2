"""Training on from a checkpoint: what is tuned, what stays, and what is written down.

Parts that are not tuned stay exactly as they were: no gradient, no dropout, and their BatchNorm
statistics kept. In tuned parts these are estimated again on the tuning data, as after training.
Actions stay scaled as the base scales them, so that a plan means the same to both.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

from lewm.build import WorldModelModule
from lewm.checkpoints.checkpoint import Checkpoint
from lewm.errors import LewmError

Unfreeze = Literal["encoder", "predictor", "all"]
_EYE = ("encoder", "projector")
LEARNING_RATE = 1e-4
"""Unless told otherwise: a fifth of what a model is trained with from scratch."""


@dataclass(frozen=True)
class Start:
    """The model that tuning begins with."""

    checkpoint: Checkpoint
    unfreeze: Unfreeze = "all"
    """`encoder`: the eye with its projector; `predictor`: everything else."""

    def model(self) -> WorldModelModule:
        """A copy of the model: tuned parts in training mode, the rest frozen."""
        tensors = {name: tensor.clone() for name, tensor in self.checkpoint.tensors.items()}
        model = replace(self.checkpoint, tensors=tensors).model()
        for name, part in model.named_children():
            if self.unfreeze in ("all", "encoder" if name in _EYE else "predictor"):
                part.requires_grad_(True).train()
        return model

    def identity(self) -> dict[str, str]:
        """What a resumed run must have begun with as well."""
        return {"from": self.checkpoint.sha256, "unfreeze": self.unfreeze}

    def require_fit(self, scope: dict[str, Any], action_width: int) -> None:
        """Refuse episodes that this model cannot be tuned on; other factors are no obstacle.

        Raises:
            LewmError: they come from another world, or have other frames or actions.
        """
        config, world = self.checkpoint.config, self.checkpoint.world
        for what, theirs, ours in (
            ("world", scope["world"], world.get("world", scope["world"])),
            ("frame size in px", scope["size_px"], config.image_size),
            ("action width", action_width, config.action_width),
        ):
            if theirs != ours:
                raise LewmError(
                    f"the {what} of the episodes is {theirs}, that of the model {ours}",
                    next_step="tune on episodes of the world that the model was trained in",
                )

    def tuned(
        self, tensors: dict[str, Any], record: dict[str, Any], world: dict[str, Any]
    ) -> Checkpoint:
        """The candidate: the base with other tensors, and one tuning step more.

        Args:
            tensors: of the tuned model.
            record: what the run says of itself.
            world: scope of the world that the episodes come from.
        """
        train, data = record["train"], record["data"]
        step = {
            **record,
            **self.identity(),
            "name": f"{self.unfreeze}: {train['num_updates']} updates at "
            f"{train['learning_rate']:g} on data {data['digest'][:12]}",
            "world": world,
            "batchnorm": "recalibrated in tuned parts, kept in others",
            "action_stats": "kept",
        }
        return replace(
            self.checkpoint, tensors=tensors, tuning=[*self.checkpoint.tuning, step], files=()
        )
