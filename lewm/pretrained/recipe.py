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
from numpy.typing import NDArray
from scipy.stats import binomtest

from lewm import cases as case_files
from lewm.adapter import AuditableModel, from_checkpoint
from lewm.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lewm.closed_loop import Act, model_actor, random_actor, run_cases, world_actor
from lewm.collect import collect
from lewm.config import ModelConfig, PlanConfig, TrainConfig, small
from lewm.data import MemorySource
from lewm.episodes import Episodes
from lewm.policies import NoisyExpert, Policy
from lewm.pretrained.walker import StraightWalker
from lewm.train import train
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
PLAN = PlanConfig(num_samples=64, iterations=5, elites=8)


def world() -> TwoRoom:
    """Two rooms at 64 px with a dot twice as large, so that it spans several pixels."""
    return TwoRoom(size_px=64, factors={"agent.radius": 14.0})


def make_cases() -> None:
    """Write the frozen cases; the tuning set is the only one that a recipe may be chosen on."""
    for name, num_cases, seed in (("cases_tuning", 200, 11), ("cases_final", 400, 2026)):
        sampled = case_files.sample_cases(
            world(), num_cases=num_cases, goal_offset_env_steps=GOAL_OFFSET_ENV_STEPS, seed=seed
        )
        case_files.save(FOLDER / f"{name}.json", sampled)


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
    result = train(
        model,
        replace(config, seed=seed),
        MemorySource(collect_episodes()),
        progress=lambda entry: print(entry.line(), flush=True),
    )
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


def evaluate(model: AuditableModel, name: str) -> dict[str, Any]:
    """Success on the cases `name`: the model, and the three references it is read against."""
    chosen = case_files.load(FOLDER / f"{name}.json")
    plan = model.plan_config
    twin = model.untrained_twin(seed=0)
    actors: dict[str, Act] = {
        "model": model_actor(model, world(), plan),
        "true_dynamics": world_actor(world(), plan, model.action_stats),
        "untrained_twin": model_actor(twin, world(), plan),
        "random_actions": random_actor(plan.horizon * plan.block_size, model.action_width),
    }
    results: dict[str, Any] = {"cases": name, "sha256": chosen.digest(), "seed": EVALUATION_SEED}
    for arm, act in actors.items():
        started = time.perf_counter()
        solved = run_cases(
            world(),
            chosen,
            act,
            budget_env_steps=BUDGET_ENV_STEPS,
            execute_env_steps=plan.execute_blocks * plan.block_size,
            seed=EVALUATION_SEED,
        )
        results[arm] = {**_success(solved), "seconds": round(time.perf_counter() - started, 1)}
    return results


def _success(solved: NDArray[np.bool_]) -> dict[str, float | int]:
    """Share of solved cases with its 95 % Clopper-Pearson interval."""
    interval = binomtest(int(solved.sum()), len(solved)).proportion_ci(0.95, method="exact")
    return {
        "success": round(float(solved.mean()), 4),
        "low": round(float(interval.low), 4),
        "high": round(float(interval.high), 4),
        "num_cases": len(solved),
    }


def main() -> None:
    """Make and evaluate one model, or only evaluate one that there is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SHIPPED_SEED, help="training seed")
    parser.add_argument("--out", type=Path, default=FOLDER / "two_room.pt", help="where to write")
    parser.add_argument("--cases", default="cases_final", help="cases_final or cases_tuning")
    parser.add_argument("--evaluate", action="store_true", help="evaluate --out, do not train")
    parser.add_argument("--threads", type=int, default=1, help="processor threads")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    started = time.perf_counter()
    if not options.evaluate:
        save_checkpoint(options.out, train_checkpoint(options.seed))
    make_seconds = time.perf_counter() - started
    checkpoint = load_checkpoint(options.out)
    results = evaluate(from_checkpoint(checkpoint, name=options.out.stem), options.cases)
    record = {"sha256": checkpoint.sha256, "training": checkpoint.training, "evaluation": results}
    if not options.evaluate:
        record["timing"] = {"collect_and_train_seconds": round(make_seconds, 1)}
    options.out.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
