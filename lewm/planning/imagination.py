"""Many futures from one moment: what a planner asks of a world model, once per plan.

Shapes in this module:
    N  cases            S  candidates      H  real frames, one model step apart
    T  model steps      K  env steps per action block
    A  action width     D  latent width

Blocks are z-scored here. What does not depend on the candidates is computed when an imagination is
made, so that a search pays for it once and not in every iteration.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lewm.build import WorldModelModule
from lewm.data.windows import ActionStats
from lewm.errors import LewmError


class Imagination(Protocol):
    """Where candidates lead, from the moment this was made for."""

    def __call__(self, candidates: Tensor, *, every_step: bool) -> Tensor:
        """Latents after candidates (N, S, T, K, A), z-scored.

        Returns:
            The last latents, (N, S, D); all of them, (N, S, T, D), if `every_step`.
        """
        ...

    def self_consistency(self, candidates: Tensor) -> Tensor:
        """How far the futures of candidates disagree with themselves, (N, S).

        Raises:
            LewmError: the model imagines in one way only.
        """
        ...


ImaginationFactory = Callable[[WorldModelModule, Tensor, Tensor], Imagination]
"""From a model, latents of real frames (N, H, D) and the blocks executed between them, z-scored,
(N, H - 1, K, A)."""


class PlainImagination:
    """Repeats the moment for every candidate and asks the model; gradients reach the candidates."""

    def __init__(self, model: WorldModelModule, z: Tensor, past: Tensor) -> None:
        self._model = model
        self._z = z
        self._past = past

    def __call__(self, candidates: Tensor, *, every_step: bool) -> Tensor:
        imagine = self._model.rollout if every_step else self._model.terminal
        return self._for_each(imagine, candidates)

    def self_consistency(self, candidates: Tensor) -> Tensor:
        measure = getattr(self._model, "self_consistency", None)
        if measure is None:
            raise one_way_only()
        return self._for_each(measure, candidates)

    def _for_each(self, ask: Callable[[Tensor, Tensor], Tensor], candidates: Tensor) -> Tensor:
        num_samples = candidates.shape[1]
        z = self._z.repeat_interleave(num_samples, dim=0)  # (N * S, H, D)
        past = self._past.repeat_interleave(num_samples, dim=0)
        blocks = torch.cat([past, candidates.flatten(end_dim=1)], dim=1)
        answer = ask(z, blocks)
        return answer.reshape(*candidates.shape[:2], *answer.shape[1:])


class PlannableModel(Protocol):
    """What a planner asks of a world model.

    A class that defines `imagine`, as `lewm.adapter.AuditableModel` does, is asked that instead of
    `rollout`. An attribute that an object passes on from what it wraps does not count: the wrapper
    may have changed `rollout`.
    """

    @property
    def block_size(self) -> int: ...
    @property
    def action_width(self) -> int: ...
    @property
    def action_stats(self) -> ActionStats: ...
    def encode(self, frames: NDArray[np.uint8]) -> Tensor: ...
    def rollout(self, z: Tensor, blocks: Tensor) -> Tensor: ...


class RolloutImagination:
    """Through `rollout` in env units, which every model has."""

    def __init__(self, model: PlannableModel, z: Tensor, past: Tensor | None) -> None:
        """`past` is in env units, (N, H - 1, K, A)."""
        self._model = model
        self._z = z
        self._past = past

    def __call__(self, candidates: Tensor, *, every_step: bool) -> Tensor:
        num_samples = candidates.shape[1]
        blocks = self._model.action_stats.restore(candidates).flatten(end_dim=1)
        if self._past is not None:
            blocks = torch.cat([self._past.repeat_interleave(num_samples, dim=0), blocks], dim=1)
        imagined = self._model.rollout(self._z.repeat_interleave(num_samples, dim=0), blocks)
        imagined = imagined.reshape(*candidates.shape[:2], *imagined.shape[1:])
        return imagined if every_step else imagined[:, :, -1]

    def self_consistency(self, candidates: Tensor) -> Tensor:
        raise one_way_only()


def imagination_of(
    model: PlannableModel, z: Tensor, past: Tensor | None, *, differentiable: bool
) -> Imagination:
    """The best way to imagine many futures that a model has.

    Args:
        model: the world model.
        z: latents of real frames, (N, D) or (N, H, D).
        past: the blocks executed between them, env units, (N, H - 1, K, A).
        differentiable: whether gradients must reach the candidates, where that is possible.
    """
    imagine: Any = getattr(type(model), "imagine", None)
    if imagine is None:
        return RolloutImagination(model, z, past)
    made: Imagination = imagine(model, z, past, differentiable=differentiable)
    return made


def one_way_only() -> LewmError:
    """The refusal of `self_consistency`."""
    return LewmError(
        "the cost terminal_latent_sse_consistency/1 needs a model that jumps over several blocks, "
        "and this one takes one block at a time",
        next_step="plan with --cost terminal_latent_sse/1, or with a prefix model",
    )
