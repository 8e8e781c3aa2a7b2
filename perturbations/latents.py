"""Between numpy worlds and torch models: the only module of the suites that computes in torch.

Shapes in this module:
    E  episodes     B  model steps (action blocks)     D  latent width
    K  env steps per block     A  action width     S  state width     N  frames
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from perturbations.nuisance import FrameSeeds

if TYPE_CHECKING:
    from perturbations.protocols import Frames, States, World, WorldModel

Draw = Callable[["States", FrameSeeds], "Frames"]
"""Draws states (N, S) as the camera shows them."""
_FRAMES_AT_ONCE = 512


def clean(world: "World") -> Draw:
    """The world as it draws itself."""
    return lambda states, seeds: world.render(states)


def encode(
    model: "WorldModel",
    draw: Draw,
    states: NDArray[np.float64],
    case_seeds: NDArray[np.int64],
) -> Tensor:
    """Latents of what is seen at every time of every episode.

    Args:
        model: encodes.
        draw: how a state is seen.
        states: (E, B+1, S).
        case_seeds: one per episode, (E,).

    Returns:
        (E, B+1, D).
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


def encode_frames(model: "WorldModel", frames: "Frames") -> Tensor:
    """Latents (N, D) of frames (N, H, W, 3)."""
    with torch.no_grad():
        return model.encode(frames).clone()  # leaves inference mode, so that it can be assembled


def encode_parts(model: "WorldModel", parts: Iterable["Frames"]) -> Iterator[Tensor]:
    """Latents of each part, with few large calls of the model instead of many small ones."""
    waiting: list[Frames] = []
    for part in parts:
        waiting.append(part)
        if sum(map(len, waiting)) >= _FRAMES_AT_ONCE:
            yield from _encode_waiting(model, waiting)
            waiting = []
    yield from _encode_waiting(model, waiting)


def _encode_waiting(model: "WorldModel", parts: list["Frames"]) -> Iterator[Tensor]:
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


def rollout(model: "WorldModel", z: Tensor, blocks: NDArray[np.float64]) -> Tensor:
    """Imagined latents (E, B, D) from z (E, D) under blocks (E, B, K, A)."""
    with torch.no_grad():
        return model.rollout(z, tensor(blocks, z))


def tensor(values: NDArray[np.float64], like: Tensor) -> Tensor:
    """An array on the device and in the precision of a latent."""
    return torch.from_numpy(np.ascontiguousarray(values)).to(like)
