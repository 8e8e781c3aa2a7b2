"""A checkpoint as something that can be audited.

Shapes in this module:
    N  frames or cases    T  model steps      D  latent width
    K  env steps per action block             A  action width
"""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lewm.build import WorldModelModule, build, new_model
from lewm.checkpoints.checkpoint import Checkpoint, load_checkpoint
from lewm.checkpoints.model_folder import model_name
from lewm.config import ModelConfig
from lewm.data.reading import FileRead
from lewm.data.windows import ActionStats, pixels_from_frames
from lewm.dropout import dropout_on
from lewm.errors import LewmError
from lewm.planning.imagination import Imagination, ImaginationFactory, PlainImagination
from lewm.planning.plan_config import PlanConfig
from lewm.planning.plan_kernels import PlanKernels
from lewm.prefix import FastLeWM
from lewm.tokens import carrying_tokens

_ENCODE_BATCH = 256


class AuditableModel:
    """A world model in evaluation mode that speaks uint8 frames and env-unit actions."""

    def __init__(
        self,
        model: WorldModelModule,
        action_stats: ActionStats,
        *,
        name: str,
        plan_config: PlanConfig,
        world: dict[str, Any] | None = None,
        training: dict[str, Any] | None = None,
        tuning: Sequence[dict[str, Any]] = (),
        files: Sequence[FileRead] = (),
    ) -> None:
        self._model = model.eval().requires_grad_(False)
        self.action_stats = action_stats
        self.name = name
        self.plan_config = plan_config
        self.world = world or {}
        self.training = training or {}
        self.tuning = list(tuning)
        self.files = tuple(files)
        # How `imagine` computes: any implementation that gives the same numbers.
        self.imagination: ImaginationFactory = PlanKernels()

    @property
    def module(self) -> WorldModelModule:
        """The network itself, in evaluation mode; its blocks are z-scored."""
        return self._model

    @property
    def config(self) -> ModelConfig:
        return self._model.config

    @property
    def latent_width(self) -> int:
        return self.config.latent_width

    @property
    def block_size(self) -> int:
        """Env steps per action block."""
        return self.config.block_size

    @property
    def action_width(self) -> int:
        return self.config.action_width

    @property
    def history(self) -> int:
        """Latents the predictor looks at."""
        return self.config.history

    @property
    def tokens_per_frame(self) -> int:
        """Tokens that the predictor carries for one frame."""
        return self.config.tokens_per_frame

    @property
    def num_parameters(self) -> int:
        return sum(parameter.numel() for parameter in self._model.parameters())

    @property
    def device(self) -> torch.device:
        return next(self._model.parameters()).device

    def encode(self, frames: NDArray[np.uint8]) -> Tensor:
        """uint8 frames (N, H, W, 3) to latents (N, D).

        Raises:
            LewmError: the frames have another size than the model was trained on.
        """
        size = self.config.image_size
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[1:] != (size, size, 3):
            raise LewmError(
                f"{self.name} sees uint8 frames of shape (N, {size}, {size}, 3), got "
                f"{frames.dtype} {frames.shape}",
                next_step=f"render the world at {size} px",
            )
        latents = []
        with torch.no_grad():
            for first in range(0, len(frames), _ENCODE_BATCH):
                part = torch.from_numpy(np.ascontiguousarray(frames[first : first + _ENCODE_BATCH]))
                pixels = pixels_from_frames(part.to(self.device))
                latents.append(self._model.encode(pixels[:, None])[:, 0])
        return torch.cat(latents) if latents else torch.empty(0, self.latent_width)

    def predict(self, z: Tensor, blocks: Tensor) -> Tensor:
        """Teacher-forced predictions.

        Args:
            z: latents of real frames, (N, T, D), any T.
            blocks: actions taken from each, env units, (N, T, K, A).

        Returns:
            z_hat, (N, T, D): z_hat[:, t] predicts z[:, t + 1] from the last `history` latents.
        """
        scaled = self._normalize(blocks)
        with torch.no_grad():
            z_hat = [self._model.predict(z[:, : self.history], scaled[:, : self.history])]
            for last in range(self.history, z.shape[1]):
                window = slice(last + 1 - self.history, last + 1)
                z_hat.append(self._model.predict(z[:, window], scaled[:, window])[:, -1:])
        return torch.cat(z_hat, dim=1)

    @property
    def self_consistency(self) -> Callable[[Tensor, Tensor], Tensor] | None:
        """Squared distance of direct from composed jumps, (N,), for the arguments of `rollout`.

        None for a model that makes no jumps over several blocks.
        """
        model = self._model
        if not isinstance(model, FastLeWM):
            return None

        def jumps_apart(z: Tensor, blocks: Tensor) -> Tensor:
            with torch.no_grad():
                return model.self_consistency(z, self._normalize(blocks))

        return jumps_apart

    @property
    def predict_with_dropout(self) -> Callable[[Tensor, Tensor, int], Tensor] | None:
        """`predict` with the predictor's dropout left on, drawn from a seed; None without any."""
        return self._predict_with_dropout if self.config.dropout > 0 else None

    def _predict_with_dropout(self, z: Tensor, blocks: Tensor, seed: int) -> Tensor:
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices), dropout_on(self._model):
            torch.manual_seed(seed)
            return self.predict(z, blocks)

    def rollout(self, z: Tensor, blocks: Tensor) -> Tensor:
        """Imagined latents (N, T, D), each prediction feeding the next.

        Args:
            z: latent of a real frame, (N, D), or of H of them one model step apart, (N, H, D).
            blocks: env units, (N, H - 1 + T, K, A): those executed between the real frames, then
                those to imagine.
        """
        with torch.no_grad():
            return self._model.rollout(z, self._normalize(blocks))

    def terminal(self, z: Tensor, blocks: Tensor) -> Tensor:
        """The latent after the last block, (N, D), for the arguments of `rollout`."""
        with torch.no_grad():
            return self._model.terminal(z, self._normalize(blocks))

    def imagine(
        self, z: Tensor, past: Tensor | None = None, *, differentiable: bool = False
    ) -> Imagination:
        """Prepare to imagine many futures of the same moments.

        Args:
            z: latents of real frames, (N, D), or (N, H, D) one model step apart.
            past: the blocks executed between them, env units, (N, H - 1, K, A); none for H = 1.
            differentiable: whether gradients must reach the candidates.

        Raises:
            LewmError: more frames than the predictor looks back on, or the blocks do not go with
                them.
        """
        known = z[:, None] if z.ndim == 2 else z
        num_cases, num_frames = known.shape[:2]
        if past is None:
            past = known.new_zeros(num_cases, 0, self.block_size, self.action_width)
        if not 1 <= num_frames <= self.history or past.shape[:2] != (num_cases, num_frames - 1):
            raise LewmError(
                f"{self.name} starts from 1 to {self.history} real frames with the blocks between "
                f"them, got {num_frames} frames and {past.shape[1]} blocks",
                next_step="give one block less than frames, of as many cases",
            )
        make = PlainImagination if differentiable else self.imagination
        return make(self._model, known, self._normalize(past))

    @property
    def kernel_path(self) -> str:
        """What plans run on; others round differently (`lewm.planning.plan_kernels`)."""
        choosing = self.imagination
        return choosing.path_for(self._model) if isinstance(choosing, PlanKernels) else "plain"

    def tensors(self) -> dict[str, Tensor]:
        """All parameters and buffers by name: the whole state of the model."""
        return dict(self._model.state_dict())

    def digest_config(self) -> dict[str, Any]:
        """What decides the model's behaviour besides its tensors, as plain JSON data."""
        stats = self.action_stats
        return {
            "model": self.config.to_json(),
            "action_stats": {"mean": list(stats.mean), "std": list(stats.std)},
        }

    def require_world(self, world: Any) -> None:
        """Refuse a world whose actions or frames are not what the model was made for.

        Raises:
            LewmError: the action width or the frame size differs.
        """
        if world.action_width != self.action_width:
            raise LewmError(
                f"{self.name} takes actions of width {self.action_width}, "
                f"{world.name} of width {world.action_width}",
                next_step="choose the world the model was trained in",
            )
        if world.size_px != self.config.image_size:
            raise LewmError(
                f"{self.name} sees {self.config.image_size} px, {world.name} draws "
                f"{world.size_px} px",
                next_step=f"make the world with size_px={self.config.image_size}",
            )

    def untrained_twin(self, seed: int) -> Self:
        """The same architecture with random weights: what a plan is worth without training."""
        twin = new_model(self.config, seed=seed).to(self.device)
        return type(self)(
            twin,
            self.action_stats,
            name=f"untrained twin of {self.name}",
            plan_config=self.plan_config,
            world=self.world,
        )

    def plain(self) -> Self:
        """The same model, imagining in torch operations of this thread, which can be counted."""
        found = copy.copy(self)
        found.imagination = PlainImagination
        return found

    def carrying_tokens(self, tokens_per_frame: int) -> Self | None:
        """The same architecture over so many tokens per frame, to be counted and not computed.

        It has no weights, only their shapes: it lies on torch's `meta` device.

        Returns:
            None where the frame cannot be cut so.
        """
        try:
            config = carrying_tokens(self.config, tokens_per_frame)
        except ValueError:
            return None
        with torch.device("meta"):
            module = build(config)
        return type(self)(
            module,
            self.action_stats,
            name=f"{self.name} over {tokens_per_frame} tokens",
            plan_config=self.plan_config,
            world=self.world,
        )

    def _normalize(self, blocks: Tensor) -> Tensor:
        if blocks.shape[-2:] != (self.block_size, self.action_width):
            raise LewmError(
                f"{self.name} takes blocks of {self.block_size} env steps and "
                f"{self.action_width} action dimensions, got {tuple(blocks.shape[-2:])}",
                next_step="choose the world and the block size the model was trained with",
            )
        return self.action_stats.normalize(blocks.to(self.device, torch.float32))


def load_model(path: Path, device: str = "cpu") -> AuditableModel:
    """Load a checkpoint for an audit.

    Raises:
        LewmError: as `load_checkpoint`.
    """
    return from_checkpoint(load_checkpoint(path), name=model_name(path), device=device)


def from_checkpoint(checkpoint: Checkpoint, *, name: str, device: str = "cpu") -> AuditableModel:
    """A loaded checkpoint for an audit."""
    return AuditableModel(
        checkpoint.model().to(device),
        checkpoint.action_stats,
        name=name,
        plan_config=checkpoint.plan_config,
        world=checkpoint.world,
        training=checkpoint.training,
        tuning=checkpoint.tuning,
        files=checkpoint.files,
    )
