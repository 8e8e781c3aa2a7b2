"""Probes: small models that read true quantities of the world out of latents.

Shapes in this module:
    N  states     D  latent width     Q  numbers to be read

What a probe reads says what is in a latent, not that a planner can use it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]
Probe = Callable[[Array], Array]
"""Reads (N, Q) out of latents (N, D)."""
_WIDTH = 64
_UPDATES = 300
_RIDGE = 1e-3
_DEAD = 1e-6
"""A dimension that spreads so much less than the widest is not blown up to the others' size."""


@dataclass(frozen=True)
class HalfProbes:
    """Probes of every kind, one fitted on either half of the same states."""

    by_kind: Mapping[str, tuple[Probe, Probe]]

    @classmethod
    def fitted(cls, z: Array, wanted: Array) -> Self:
        """Fit on latents (N, D) and what is to be read out of them, (N, Q)."""
        half = len(z) // 2
        return cls(
            {
                kind: (fit(kind, z[:half], wanted[:half]), fit(kind, z[half:], wanted[half:]))
                for kind in KINDS
            }
        )

    def held_out(self, kind: str, z: Array) -> Array:
        """Each half of what they were fitted on, (N, D), as the probe of the other reads it."""
        first, second = self.by_kind[kind]
        half = len(z) // 2
        return np.concatenate([second(z[:half]), first(z[half:])])

    def read(self, kind: str, z: Array) -> Array:
        """The mean of what both read out of other latents, (..., D) to (..., Q)."""
        flat = z.reshape(-1, z.shape[-1])
        first, second = self.by_kind[kind]
        return np.asarray((first(flat) + second(flat)) / 2).reshape(*z.shape[:-1], -1)


def fit(kind: str, z: Array, wanted: Array) -> Probe:
    """Fit a probe; both sides are standardized by what it is fitted on.

    Args:
        kind: one of `KINDS`.
        z: latents, (N, D).
        wanted: what it is to read out of them, (N, Q).
    """
    center, scale = wanted.mean(axis=0), wanted.std(axis=0) + 1e-12
    spread = z.std(axis=0)
    z_center, z_scale = z.mean(axis=0), np.where(spread > _DEAD * spread.max(), spread + 1e-12, 1.0)
    read = KINDS[kind]((z - z_center) / z_scale, (wanted - center) / scale)
    return lambda asked: np.asarray(read((asked - z_center) / z_scale) * scale + center)


def _linear(z: Array, target: Array) -> Probe:
    gram = z.T @ z + _RIDGE * len(z) * np.eye(z.shape[1])
    weights = np.linalg.solve(gram, z.T @ target)
    return lambda asked: np.asarray(asked @ weights)


def _mlp(z: Array, target: Array) -> Probe:
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        net = torch.nn.Sequential(
            torch.nn.Linear(z.shape[1], _WIDTH),
            torch.nn.GELU(),
            torch.nn.Linear(_WIDTH, _WIDTH),
            torch.nn.GELU(),
            torch.nn.Linear(_WIDTH, target.shape[1]),
        )
        parameters = list(net.parameters())
        update = _AdamW(parameters)
        inputs, wanted = (torch.from_numpy(part).float() for part in (z, target))
        for _ in range(_UPDATES):
            loss = (net(inputs) - wanted).square().mean()
            update(torch.autograd.grad(loss, parameters))

    def read(asked: Array) -> Array:
        with torch.no_grad():
            return np.asarray(net(torch.from_numpy(asked).float()).double().numpy())

    return read


class _AdamW:
    """As `torch.optim.AdamW`, bit for bit, which takes seconds to load torch's compiler.

    Source: Loshchilov and Hutter, Decoupled weight decay regularization, ICLR 2019.
    """

    rate, decay, first, second, least = 3e-3, 1e-3, 0.9, 0.999, 1e-8

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self._parameters = parameters
        self._means = [torch.zeros_like(one) for one in parameters]
        self._squares = [torch.zeros_like(one) for one in parameters]
        self._updates = 0

    @torch.no_grad()
    def __call__(self, gradients: Sequence[Tensor]) -> None:
        self._updates += 1
        step = self.rate / (1 - self.first**self._updates)
        unbiased = math.sqrt(1 - self.second**self._updates)
        for one, gradient, mean, square in zip(
            self._parameters, gradients, self._means, self._squares, strict=True
        ):
            one.mul_(1 - self.rate * self.decay)
            mean.lerp_(gradient, 1 - self.first)
            square.mul_(self.second).addcmul_(gradient, gradient, value=1 - self.second)
            one.addcdiv_(mean, (square.sqrt() / unbiased).add_(self.least), value=-step)


KINDS: Mapping[str, Callable[[Array, Array], Probe]] = {"linear": _linear, "mlp": _mlp}
"""Linear is ridge regression; MLP has two hidden layers of 64, always of the same first weights."""
