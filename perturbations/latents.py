"""Between numpy worlds and torch models: the only module of the suites that computes in torch.

Shapes in this module:
    E  episodes     B  model steps (action blocks)     D  latent width
    K  env steps per block     A  action width     S  state width     N  frames
    P  numbers in a thumbnail
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from perturbations.nuisances.nuisance import Draw, FrameSeeds

if TYPE_CHECKING:
    from perturbations.protocols import Frames, World, WorldModel

_FRAMES_AT_ONCE = 512
_THUMBNAIL_PX = 8
_NUM_PASSES = 8
"""Predictions with dropout that are compared."""


class Encoder(Protocol):
    """Frames in, one row of numbers each out."""

    def encode(self, frames: "Frames") -> Tensor:
        """(N, H, W, 3) to (N, any)."""
        ...


class Seen(NamedTuple):
    """What is kept of frames, with the same leading dimensions."""

    z: Tensor
    """Latents, (..., D)."""
    thumbnails: Tensor
    """Mean colours of at most 8 x 8 fields, in [0, 1], (..., P)."""


class Eye:
    """A model's encoder that keeps a thumbnail of every frame behind its latent."""

    def __init__(self, model: "WorldModel") -> None:
        self._model = model

    def encode(self, frames: "Frames") -> Tensor:
        """Latents and thumbnails of frames (N, H, W, 3), (N, D+P)."""
        z = self._model.encode(frames)
        pixels = torch.from_numpy(np.ascontiguousarray(frames)).to(z.device).movedim(-1, 1)
        fields = tuple(min(_THUMBNAIL_PX, side) for side in frames.shape[1:3])
        small = torch.nn.functional.adaptive_avg_pool2d(pixels.float() / 255, fields)
        return torch.cat([z, small.flatten(start_dim=1).to(z.dtype)], dim=1)

    def split(self, seen: Tensor) -> Seen:
        """Latents and thumbnails apart again, from (..., D+P)."""
        width = self._model.latent_width
        return Seen(seen[..., :width], seen[..., width:])


def clean(world: "World") -> Draw:
    """The world as it draws itself."""
    return lambda states, seeds: world.render(states)


def encode(
    model: Encoder,
    draw: Draw,
    states: NDArray[np.float64],
    case_seeds: NDArray[np.int64],
) -> Tensor:
    """Latents of what is seen at every time of every episode.

    Args:
        model: encodes; an `Eye` keeps thumbnails as well.
        draw: how a state is seen.
        states: (E, B+1, S).
        case_seeds: one per episode, (E,).

    Returns:
        (E, B+1, D), or (E, B+1, D+P) from an `Eye`.
    """
    num, length = states.shape[:2]
    flat = states.reshape(num * length, -1)
    seeds = FrameSeeds(np.repeat(case_seeds, length), np.tile(np.arange(length), num))
    parts = []
    for start in range(0, len(flat), _FRAMES_AT_ONCE):
        part = slice(start, start + _FRAMES_AT_ONCE)
        frames = draw(flat[part], FrameSeeds(seeds.cases[part], seeds.times[part]))
        parts.append(encode_frames(model, frames))
    return torch.cat(parts).reshape(num, length, -1)


def check_steady(model: "WorldModel", frames: "Frames") -> None:
    """Refuse a model whose latents depend on chance or on the rest of the batch.

    Raises:
        RuntimeError: encoding twice differs in any bit, or one frame alone differs from the same
            frame among others by more than rounding.
    """
    once, again = encode_frames(model, frames), encode_frames(model, frames)
    if not torch.equal(once, again) and not torch.isnan(once).any():
        raise RuntimeError("encoding the same frames twice differs: is dropout left on?")
    alone = encode_frames(model, frames[:1])
    if not torch.allclose(alone, once[:1], rtol=1e-3, atol=1e-4, equal_nan=True):
        raise RuntimeError(
            "a frame encoded alone differs from the same frame in a batch: is BatchNorm in "
            "training mode?"
        )


def encode_frames(model: Encoder, frames: "Frames") -> Tensor:
    """Latents (N, D) of frames (N, H, W, 3)."""
    with torch.no_grad():
        return model.encode(frames).clone()  # leaves inference mode, so that it can be assembled


def encode_finite(model: "WorldModel", frames: "Frames") -> Tensor:
    """Latents (N, D) of frames.

    Raises:
        ValueError: one is not a finite number.
    """
    z = encode_frames(model, frames)
    if not torch.isfinite(z).all():
        raise ValueError("a latent is not a finite number")
    return z


def encode_parts(model: Encoder, parts: Iterable["Frames"]) -> Iterator[Tensor]:
    """Latents of each part, with few large calls of the model instead of many small ones."""
    waiting: list[Frames] = []
    for part in parts:
        waiting.append(part)
        if sum(map(len, waiting)) >= _FRAMES_AT_ONCE:
            yield from _encode_waiting(model, waiting)
            waiting = []
    yield from _encode_waiting(model, waiting)


def _encode_waiting(model: Encoder, parts: list["Frames"]) -> Iterator[Tensor]:
    if parts:
        z = encode_frames(model, np.concatenate(parts))
        yield from torch.split(z, [len(part) for part in parts])


def squared_error(one: Tensor, other: Tensor) -> NDArray[np.float64]:
    """Sum of squared differences over the latent, (..., D) to (...)."""
    return np.asarray((one.double() - other.double()).square().sum(dim=-1).cpu().numpy())


def distance(one: Tensor, other: Tensor) -> NDArray[np.float64]:
    """Euclidean distance between latents, (..., D) to (...)."""
    return np.asarray(np.sqrt(squared_error(one, other)))


def surprise(model: "WorldModel", z: Tensor, blocks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared error of every one-step prediction from true latents, with history as trained.

    Args:
        model: predicts.
        z: latents of what was seen, (E, B+1, D).
        blocks: actions as executed, (E, B, K, A).

    Returns:
        (E, B); entry t is about the latent at t + 1.
    """
    with torch.no_grad():
        z_hat = model.predict(z[:, :-1], tensor(blocks, z))
    return squared_error(z_hat, z[:, 1:])


def dropout_spread(
    model: "WorldModel", z: Tensor, blocks: NDArray[np.float64], seed: int
) -> NDArray[np.float64]:
    """Variance of one-step predictions over passes with dropout, summed over the latent.

    Arguments and shapes as in `surprise`; entry t is about the prediction of the latent at t + 1.
    """
    taken = tensor(blocks, z)
    with torch.no_grad():
        passes = torch.stack(
            [
                model.predict_with_dropout(z[:, :-1], taken, seed + number)  # type: ignore[attr-defined]
                for number in range(_NUM_PASSES)
            ]
        )
    return np.asarray(array(passes).var(axis=0).sum(axis=-1))


def rollout(model: "WorldModel", z: Tensor, blocks: NDArray[np.float64]) -> Tensor:
    """Imagined latents (E, B, D) from z (E, D) under blocks (E, B, K, A)."""
    with torch.no_grad():
        return model.rollout(z, tensor(blocks, z))


def jumps_apart(model: "WorldModel", z: Tensor, blocks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distance of direct from composed jumps, from z (E, D) under blocks (E, B, K, A)."""
    with torch.no_grad():
        return array(model.self_consistency(z, tensor(blocks, z)))  # type: ignore[attr-defined]


def tensor(values: NDArray[np.float64], like: Tensor) -> Tensor:
    """An array on the device and in the precision of a latent."""
    return torch.from_numpy(np.ascontiguousarray(values)).to(like)


def array(values: Tensor) -> NDArray[np.float64]:
    """A tensor as an array in double precision."""
    return np.asarray(values.detach().double().cpu().numpy())
