"""How the bundled two-room model is made: collect, train, evaluate on the frozen cases.

    python -m lewm.pretrained.recipe

writes `two_room.pt` and its record `two_room.json` beside this file. docs/lab-notes.md tells how
the recipe was found.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lewm.adapter import AuditableModel, from_checkpoint
from lewm.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lewm.collection.collect import collect
from lewm.collection.policies import NoisyExpert, Policy
from lewm.collection.straight_walker import StraightWalker
from lewm.config import ModelConfig, small
from lewm.data.episodes import Episodes
from lewm.data.windows import MemorySource
from lewm.evaluation import cases as case_files
from lewm.evaluation.evaluate import Conditions, evaluate
from lewm.planning.plan_config import small_planner
from lewm.training.train import train
from lewm.training.train_config import TrainConfig
from lewm.training.train_log import Teller
from lewm.worlds.two_room import TwoRoom

FOLDER = Path(__file__).parent
SHIPPED_SEED = 0
EPISODE_LENGTH_ENV_STEPS = 100
NUM_EPISODES_PER_POLICY = 450
POLICIES: tuple[tuple[Policy, int], ...] = ((NoisyExpert(), 100), (StraightWalker(), 101))
"""Who collects, and with which seed."""
GOAL_OFFSET_ENV_STEPS = 25
BUDGET_ENV_STEPS = 50
EVALUATION_SEED = 1

MODEL: ModelConfig = small()
TRAIN = TrainConfig(
    seed=SHIPPED_SEED,
    batch_size=128,
    num_updates=1500,
    schedule_updates=1500,
    warmup_updates=100,
    learning_rate=5e-4,
    weight_decay=1e-3,
    clip_norm=1.0,
    sigreg_weight=0.02,
    final_sigreg_weight=0.0005,
    sigreg_anneal_updates=600,
    num_projections=128,
    calibration_batches=100,
    log_every_updates=100,
)
PLAN = small_planner()


def world() -> TwoRoom:
    """Two rooms at 64 px with a dot twice as large, so that it spans several pixels."""
    return TwoRoom(size_px=64, factors={"agent.radius": 14.0})


CASES = {"cases_tuning": (200, 11), "cases_final": (400, 2026)}
"""Number and seed of each frozen set; the tuning set is the only one a recipe may be chosen on."""


def sampled_cases(name: str) -> case_files.Cases:
    """The set as it was sampled before it was frozen in a file."""
    num_cases, seed = CASES[name]
    return case_files.sample_cases(
        world(), num_cases=num_cases, goal_offset_env_steps=GOAL_OFFSET_ENV_STEPS, seed=seed
    )


def collect_episodes() -> Episodes:
    """The training episodes: the expert's, then the straight walker's."""
    parts = [
        collect(
            world(),
            policy,
            num_episodes=NUM_EPISODES_PER_POLICY,
            length_env_steps=EPISODE_LENGTH_ENV_STEPS,
            seed=seed,
        )
        for policy, seed in POLICIES
    ]
    return Episodes(
        np.concatenate([part.frames for part in parts]),
        np.concatenate([part.actions for part in parts]),
        np.concatenate([part.states for part in parts]),
    )


def train_checkpoint(
    seed: int, model: ModelConfig = MODEL, config: TrainConfig = TRAIN
) -> Checkpoint:
    """Train one model from scratch; the record says from what."""
    teller = Teller(lambda line: print(line, flush=True))
    result = train(
        model,
        replace(config, seed=seed),
        MemorySource(collect_episodes()),
        progress=teller,
    )
    teller.finish()
    collection = [
        {
            **world().scope(),
            **policy.settings(),
            "num_episodes": NUM_EPISODES_PER_POLICY,
            "length_env_steps": EPISODE_LENGTH_ENV_STEPS,
            "seed": collect_seed,
        }
        for policy, collect_seed in POLICIES
    ]
    return Checkpoint(
        config=model,
        tensors=result.model.state_dict(),
        action_stats=result.action_stats,
        world=world().scope(),
        plan_config=PLAN,
        training={**result.record, "collection": collection},
    )


def evaluate_on(model: AuditableModel, name: str) -> dict[str, Any]:
    """Success on the cases `name`: the model, and the three references it is read against."""
    chosen = case_files.load(FOLDER / f"{name}.json")
    results = evaluate(
        model,
        world(),
        chosen,
        Conditions(budget_env_steps=BUDGET_ENV_STEPS, streams=[EVALUATION_SEED]),
    )
    for result in results:
        print(result.line(), flush=True)
    return {
        "cases": name,
        "sha256": chosen.digest(),
        "arms": [result.to_json() for result in results],
    }


def main() -> None:
    """Make one model and evaluate it on the frozen cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SHIPPED_SEED, help="training seed")
    parser.add_argument("--out", type=Path, default=FOLDER / "two_room.pt", help="where to write")
    parser.add_argument("--threads", type=int, default=1, help="processor threads")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    started = time.perf_counter()
    save_checkpoint(options.out, train_checkpoint(options.seed))
    make_seconds = time.perf_counter() - started
    write_record(options.out, {"collect_and_train_seconds": round(make_seconds, 1)})


def write_record(path: Path, timing: dict[str, float]) -> None:
    """Evaluate a checkpoint and write its record beside it, under the same stem."""
    checkpoint = load_checkpoint(path)
    record = {
        "sha256": checkpoint.sha256,
        "training": checkpoint.training,
        "evaluation": evaluate_on(from_checkpoint(checkpoint, name=path.stem), "cases_final"),
        "timing": timing,
    }
    path.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
