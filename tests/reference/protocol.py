"""The reference's evaluation of a planner whose model is known: python -m ... DATA OUT.

The model reads where the agent is from the picture and knows how it moves away from walls. Written
to OUT: the rows drawn, what the planner saw at each plan, and which episodes succeeded.
"""

import contextlib
import os
import sys

import numpy as np
import torch

import tests.reference.torchvision_schemas  # noqa: F401

import stable_worldmodel as swm  # isort: skip
from stable_worldmodel.data import HDF5Dataset
from stable_worldmodel.policy import PlanConfig, WorldModelPolicy
from stable_worldmodel.solver import CEMSolver

NUM, OFFSET, BUDGET = 50, 25, 50
SEARCH = {"num_samples": 32, "n_steps": 3, "topk": 8}


class Scaler:
    """Z-scores with the population's deviation."""

    def __init__(self, rows: np.ndarray) -> None:
        rows = rows[~np.isnan(rows).any(axis=1)].astype(np.float64)
        self.mean, self.std = rows.mean(axis=0), rows.std(axis=0)

    def transform(self, values: np.ndarray) -> np.ndarray:
        return (values - self.mean) / self.std

    def inverse_transform(self, values: np.ndarray) -> np.ndarray:
        return values * self.std + self.mean


def position(frames: torch.Tensor) -> torch.Tensor:
    """Centre of what is red in frames (..., H, W, 3), (..., 2)."""
    red = frames[..., 0].double() - frames[..., 1].double()
    grid = torch.arange(frames.shape[-2], dtype=torch.float64)
    across, along = red.sum(dim=-2), red.sum(dim=-1)
    total = red.sum(dim=(-2, -1))
    return torch.stack([(across * grid).sum(-1), (along * grid).sum(-1)], dim=-1) / total[..., None]


class Walker(torch.nn.Module):
    """Costs of plans in an empty room."""

    def __init__(self, scaler: Scaler) -> None:
        super().__init__()
        self.scaler = scaler
        self.seen: list[np.ndarray] = []

    def get_cost(self, info: dict, candidates: torch.Tensor) -> torch.Tensor:
        start, goal = (position(info[name][:, 0, -1]) for name in ("pixels", "goal"))
        self.seen.append(torch.cat([start, goal], dim=-1)[0].numpy())
        blocks = candidates.double().unflatten(-1, (-1, 2))  # (1, S, T, K, 2)
        moves = blocks * torch.tensor(self.scaler.std) + torch.tensor(self.scaler.mean)
        end = start[:, None] + 5.0 * moves.sum(dim=(2, 3))
        return (end - goal[:, None]).square().sum(dim=-1).float()


def drawn(dataset: HDF5Dataset) -> np.ndarray:
    """Rows that the seed draws, by the columns that the reference keeps."""
    episodes, steps = (dataset.get_col_data(name) for name in ("episode_idx", "step_idx"))
    last = {number: steps[episodes == number].max() for number in np.unique(episodes)}
    latest = np.array([last[number] for number in episodes]) - OFFSET
    valid = np.flatnonzero(steps <= latest)
    return np.sort(valid[np.random.default_rng(42).choice(len(valid), size=NUM, replace=False)])


def main() -> None:
    data, out = sys.argv[1:]
    dataset = HDF5Dataset(path=data)
    rows = drawn(dataset)
    episodes, steps = (dataset.get_col_data(name)[rows] for name in ("episode_idx", "step_idx"))
    scaler = Scaler(dataset.get_col_data("action"))
    model = Walker(scaler)
    world = swm.World(
        "swm/TwoRoom-v1", num_envs=NUM, image_shape=(224, 224), max_episode_steps=2 * BUDGET
    )
    world.set_policy(
        WorldModelPolicy(
            CEMSolver(model, seed=42, **SEARCH),
            PlanConfig(horizon=5, receding_horizon=5, action_block=5),
            process={"action": scaler},
        )
    )
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        found = world.evaluate(
            dataset=dataset,
            episodes_idx=episodes.tolist(),
            start_steps=steps.tolist(),
            goal_offset=OFFSET,
            eval_budget=BUDGET,
            callables=[
                {"method": "_set_state", "args": {"state": {"value": "proprio"}}},
                {"method": "_set_goal_state", "args": {"goal_state": {"value": "goal_proprio"}}},
            ],
        )
    np.savez(
        out,
        rows=rows,
        episodes=episodes,
        steps=steps,
        seen=np.stack(model.seen[:: SEARCH["n_steps"]]),
        succeeded=found["episode_successes"],
    )


if __name__ == "__main__":
    main()
