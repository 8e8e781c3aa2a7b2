"""A world for tests of the model side: a bright square on black that moves as told."""

import numpy as np
import torch
from numpy.typing import NDArray

from lewm.adapter import AuditableModel
from lewm.build import new_model
from lewm.config import tiny
from lewm.data.episodes import Episodes
from lewm.data.windows import ActionStats
from lewm.planning.plan_config import PlanConfig

SIZE = 16
Array = NDArray[np.float64]


class DotWorld:
    """A point in [0, 1]^2 that moves by a tenth of each action."""

    name = "dots"
    action_width = 2
    size_px = SIZE

    def step(
        self, states: NDArray[np.float64], actions: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return np.clip(states + 0.1 * np.clip(actions, -1.0, 1.0), 0.0, 1.0)

    def render(self, states: Array) -> NDArray[np.uint8]:
        grid = np.arange(SIZE) / (SIZE - 1)
        near = [np.exp(-(((grid - states[:, i, None]) / 0.15) ** 2)) for i in (0, 1)]
        shade = 255 * near[1][:, :, None] * near[0][:, None, :]
        return np.repeat(shade[..., None].astype(np.uint8), 3, axis=-1)

    def distance(
        self, states: NDArray[np.float64], goals: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return np.linalg.norm(states - goals, axis=-1)


def record(*, episodes: int = 6, length: int = 24, seed: int = 0) -> Episodes:
    """Random walks."""
    world, rng = DotWorld(), np.random.default_rng(seed)
    states = np.empty((episodes, length + 1, 2))
    actions = rng.uniform(-1, 1, (episodes, length, 2)).astype(np.float32)
    states[:, 0] = rng.random((episodes, 2))
    for t in range(length):
        states[:, t + 1] = world.step(states[:, t], actions[:, t])
    frames = world.render(states.reshape(-1, 2)).reshape(episodes, length + 1, SIZE, SIZE, 3)
    return Episodes(frames, actions, states)


def awake_model(*, seed: int = 0) -> AuditableModel:
    """An untrained model whose latents and predictions depend on frames and actions."""
    model = new_model(tiny(image_size=SIZE), seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn(parameter.shape, generator=generator)
    stats = ActionStats(mean=(0.1, -0.1), std=(0.5, 0.6))
    return AuditableModel(model, stats, name="awake", plan_config=PlanConfig())
