"""Official, beside the reference's own evaluation: same pairs, frames, plans and ends."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from lewm.collection.collect_to_file import collect_to_file
from lewm.collection.policies import NoisyExpert
from lewm.data.sources import open_source
from lewm.data.windows import ActionStats
from lewm.evaluation.protocol import PROTOCOLS
from lewm.evaluation.protocol_run import run_protocol
from lewm.planning.plan_config import PlanConfig
from lewm.worlds.two_room import TwoRoom
from tests.reference import run

NUM_EPISODES, LENGTH_ENV_STEPS = 12, 40


@dataclass
class Walker:
    """Reads where the agent is from the picture and knows how it moves away from walls."""

    plan_config: PlanConfig
    seen: list[np.ndarray] = field(default_factory=list)
    action_stats: ActionStats = field(
        default_factory=lambda: ActionStats(mean=(0.0, 0.0), std=(1.0, 1.0))
    )
    block_size: int = 5
    action_width: int = 2
    history: int = 1
    files: tuple = ()

    def encode(self, frames: np.ndarray) -> torch.Tensor:
        red = frames[..., 0].astype(np.float64) - frames[..., 1]
        grid = np.arange(frames.shape[1])
        total = red.sum(axis=(1, 2))
        found = np.stack([red.sum(axis=1) @ grid, red.sum(axis=2) @ grid], axis=-1) / total[:, None]
        self.seen.extend(found)
        return torch.from_numpy(found)

    def rollout(self, z: torch.Tensor, blocks: torch.Tensor) -> torch.Tensor:
        return z[:, None] + 5.0 * blocks.double().sum(dim=2).cumsum(dim=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("protocol") / "data.h5"
    how = {"num_episodes": NUM_EPISODES, "length_env_steps": LENGTH_ENV_STEPS, "seed": 0}
    collect_to_file(path, TwoRoom(), NoisyExpert(), compression="lzf", **how)
    return path


def test_official_is_the_evaluation_of_the_reference(data, tmp_path):
    run("protocol", data, tmp_path / "theirs.npz")
    theirs = np.load(tmp_path / "theirs.npz")
    model = Walker(PlanConfig(num_samples=32, iterations=3, elites=8))

    with open_source(data) as source:
        ours = run_protocol(
            PROTOCOLS["official"],
            model,
            TwoRoom(),
            source,
            num_streams=1,
            budget_env_steps=50,
            references=False,
        )

    rows = ours.cases.rows
    assert np.array_equal(rows.episodes * (LENGTH_ENV_STEPS + 1) + rows.steps, theirs["rows"])
    seen = np.concatenate([model.seen[::2], model.seen[1::2]], axis=1)  # start and goal of a plan
    assert len(seen) > 50
    assert seen.shape == theirs["seen"].shape
    assert seen == pytest.approx(theirs["seen"], abs=0.05)  # px; frames are drawn in grey levels
    (found,) = ours.arms
    assert np.array_equal(found.solved, theirs["succeeded"])
    assert 0.1 < found.rate < 1.0
