"""Models of the dot world with one planted defect each, beyond those of `models`.

Shapes in this module:
    N  cases     T  model steps     K  env steps per block     D  latent width
"""

import numpy as np
import torch

from perturbations.nuisances.color import to_lab
from tests.known_models.models import ColourBlind, Oracle
from tests.known_models.world import CLEAN_LOOK, SIDE, SPEED


def _moved(places, block, speed=SPEED):
    """Where a dot would be that knows no walls."""
    return places + speed * np.clip(block, -1, 1).sum(axis=1)


# --- the encoder -------------------------------------------------------------------------------


class LowRank(ColourBlind):
    """Keeps one coordinate of two."""

    def place(self, places, looks):
        return places * [1.0, 0.0]


class RolledUp(Oracle):
    """Rolls the box up: places 25 px apart look the same, though loss, variance and rank are good.

    A latent holds two angles, as points on circles.
    """

    period = 25.0
    latent_width = 4

    def place(self, places, looks):
        angles = 2 * np.pi * places / self.period
        return 30 * np.hstack([np.cos(angles), np.sin(angles)])

    sees_looks = False

    def _next(self, z, block):
        z = z.double().numpy()
        places = np.arctan2(z[:, 2:], z[:, :2]) * self.period / (2 * np.pi)
        after = self.place(_moved(places, block.double().numpy()), None)
        return torch.from_numpy(after).float()


class GreyScale(Oracle):
    """Sees how bright a colour is, in steps of a tenth, and nothing else of it."""

    def look(self, looks):
        colors = (looks + CLEAN_LOOK)[:, :9].reshape(-1, 3, 3)
        brighter = to_lab(colors)[..., 0] - to_lab(CLEAN_LOOK[:9].reshape(3, 3))[:, 0]
        steps = 10 * np.trunc(brighter / 10)
        return np.hstack([np.repeat(steps, 3, axis=1), looks[:, 9:]])


class BatchNormInTraining(Oracle):
    """Latents depend on the rest of the batch, as with BatchNorm in training mode."""

    def encode(self, frames):
        z = super().encode(frames)
        return z - z.mean(dim=0) if len(z) > 1 else z


class DropoutLeftOn(Oracle):
    """Latents depend on chance."""

    def encode(self, frames):
        return super().encode(frames) + torch.randn(len(frames), self.latent_width)


class GoalFrameSensitive(Oracle):
    """Its encoder takes another background for another place; its predictor sees through that.

    So a repainted present does no harm, and a repainted goal leads elsewhere.
    """

    pull = 0.08

    def place(self, places, looks):
        return places + self.pull * looks[:, :2]

    def predict(self, z, blocks):
        return super().predict(self._repaired(z), blocks)

    def rollout(self, z, blocks):
        return super().rollout(self._repaired(z), blocks)

    def _repaired(self, z):
        return torch.cat([z[..., :2] - self.pull * z[..., 2:4], z[..., 2:]], dim=-1)


# --- the predictor -----------------------------------------------------------------------------


class ActionBlind(Oracle):
    """Its imagined future is the same whatever is done: context collapse."""

    def after(self, places, block):
        return super().after(places, np.zeros_like(block))


class Delayed(Oracle):
    """Takes every action block for the one before it."""

    def predict(self, z, blocks):
        return super().predict(z, _late(blocks))

    def rollout(self, z, blocks):
        return super().rollout(z, _late(blocks))


def _late(blocks):
    return torch.cat([torch.zeros_like(blocks[:, :1]), blocks[:, :-1]], dim=1)


class HorizonOff(Oracle):
    """Its rollouts lag one model step: they begin with the latent they start from."""

    def rollout(self, z, blocks):
        return torch.cat([z[:, None], super().rollout(z, blocks)[:, :-1]], dim=1)


class NormInflated(ColourBlind):
    """Every imagined step makes the latent longer by a fifth."""

    def after(self, places, block):
        return 1.2 * super().after(places, block)


class OneStepGood(ColourBlind):
    """Right one step ahead; from the second imagined step on errors compound."""

    def rollout(self, z, blocks):
        steps = torch.arange(blocks.shape[1], dtype=z.dtype)
        z_hat = super().rollout(z, blocks)
        z_hat[..., 0] += 3.5 * steps * (steps + 1)  # 0, 7, 21, ... px
        return z_hat


class HorizonCliff(ColourBlind):
    """Right two steps ahead; farther it imagines the middle of the box."""

    def rollout(self, z, blocks):
        z_hat = super().rollout(z, blocks)
        z_hat[:, 2:] = SIDE / 2
        return z_hat


class FrozenFrameLover(Oracle):
    """Plans well; where it only watches, it expects to see the same frame again."""

    def predict(self, z, blocks):
        return z


class OptimistInACorner(ColourBlind):
    """Believes that a dot goes through walls when it runs to the upper right at full speed."""

    def after(self, places, block):
        lucky = (block.mean(axis=1) > 0.6).all(axis=1)
        return np.where(lucky[:, None], _moved(places, block), super().after(places, block))


class OptimistEverywhere(ColourBlind):
    """Believes that it is four times as fast as it is."""

    def after(self, places, block):
        return places + 4 * (super().after(places, block) - places)


# --- a fine-tuned model and its base -----------------------------------------------------------


class Bent(ColourBlind):
    """Sound, with latents that bend the axes: a linear probe reads the place less well."""

    _places = np.linspace(0, SIDE, 2001)
    _bent = _places + 12 * np.sin(2 * np.pi * _places / SIDE)

    def place(self, places, looks):
        return np.interp(places, self._places, self._bent)

    def after(self, places, block):
        straight = np.interp(places, self._bent, self._places)
        return self.place(super().after(straight, block), None)


class TunedWorse(ColourBlind):
    """`Bent` after fine-tuning: a probe reads the place perfectly, and walls and speed are lost."""

    def after(self, places, block):
        return _moved(places, block, speed=2.5 * SPEED)
