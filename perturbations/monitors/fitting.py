"""What the ensemble is fitted on: lawful transitions that nothing else in the audit uses.

Shapes in this module:
    N  transitions     S  state width     K  env steps per block     A  action width
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perturbations.monitors.ensemble import Ensemble, fit
from perturbations.seeding import derive_seed

if TYPE_CHECKING:
    from perturbations.setting import Setting

_NUM_TRANSITIONS = 512
NUM_REDRAWS = 4
"""Other draws of the ensemble, to see what hangs on the draw."""


def fitted(setting: "Setting") -> Ensemble:
    """The ensemble of a setting.

    Raises:
        ValueError: a latent is not a finite number.
    """
    return drawn(setting, 1)[0]


def drawn(setting: "Setting", num: int) -> list[Ensemble]:
    """The ensemble of a setting first, then other draws of it from the same transitions.

    Raises:
        ValueError: a latent is not a finite number.
    """
    from perturbations import latents

    before, after = _apart(setting) if setting.fitting is not None else _drawn(setting)
    encoded = latents.encode(
        setting.model,
        latents.clean(setting.world),
        np.stack([before, after], axis=1),
        np.arange(len(before)),
    )
    z = latents.array(encoded)
    seeds = [derive_seed(setting.seed, "ensemble")]
    seeds += [derive_seed(setting.seed, "ensemble", draw) for draw in range(1, num)]
    return [fit(z[:, 0], z[:, 1], seed=seed) for seed in seeds]


def _drawn(setting: "Setting") -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """States (N, S) that the world draws, and where one random action, held for a block, leads."""
    world = setting.world
    rng = np.random.default_rng(derive_seed(setting.seed, "fitting"))
    before = world.sample_states(rng, _NUM_TRANSITIONS)
    low, high = getattr(world, "action_range", (-1.0, 1.0))
    held = rng.uniform(low, high, (_NUM_TRANSITIONS, world.action_width))
    after = before
    for _ in range(setting.block_size):
        after = world.step(after, held)
    return before, after


def _apart(setting: "Setting") -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """States (N, S) of the episodes held apart, and those one block later; at most so many."""
    assert setting.fitting is not None
    states = setting.fitting.block_states(setting.block_size)
    before = states[:, :-1].reshape(-1, states.shape[-1])
    after = states[:, 1:].reshape(-1, states.shape[-1])
    rng = np.random.default_rng(derive_seed(setting.seed, "fitting"))
    chosen = np.sort(rng.permutation(len(before))[:_NUM_TRANSITIONS])
    return before[chosen], after[chosen]
