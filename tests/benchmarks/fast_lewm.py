"""Fast-LeWM beside LeWM: success, plan time, error by horizon; same episodes, same planner.

    python -m tests.benchmarks.fast_lewm [--lewm A.pt ...] [--fast B.pt ...] [--threads 1]

Checkpoints are given one per training seed, seed 0 first; one that does not exist is trained and
written there by the recipe of the bundled model. Everything but the times repeats from run to run.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from lewm.adapter import AuditableModel, from_checkpoint
from lewm.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from lewm.config import ModelConfig, fast_paper, fast_small, paper, small
from lewm.evaluation import cases as case_files
from lewm.evaluation.evaluate import Conditions, Success, evaluate
from lewm.planning.plan_config import PlanConfig, small_planner
from lewm.pretrained import bundled, recipe
from perturbations.statistics import stats
from tests.benchmarks.fast_lewm_drift import print_drift
from tests.benchmarks.fast_lewm_time import print_calls, print_candidate_times, print_plan_times

PLANNERS = {
    "64x5": small_planner(),
    "300x30": PlanConfig(num_samples=300, iterations=30, elites=30),
}


def trained(path: Path, config: ModelConfig, seed: int) -> AuditableModel:
    """The checkpoint at `path`; trained on the bundled model's episodes if there is none."""
    if not path.exists():
        started = time.perf_counter()
        save_checkpoint(path, recipe.train_checkpoint(seed, config))
        print(f"trained {path.name} in {time.perf_counter() - started:.0f} s", flush=True)
    return from_checkpoint(load_checkpoint(path), name=path.stem)


def print_success(
    models: dict[str, AuditableModel], planner: str, streams: Sequence[int]
) -> dict[str, list[Success]]:
    """Success of every model on the frozen final cases, one line per planner stream."""
    cases = case_files.load(recipe.FOLDER / "cases_final.json")
    found = {}
    print(f"\nsuccess, {cases.num_cases} final cases, CEM {planner}, exact 95 % intervals")
    for name, model in models.items():
        model.plan_config = PLANNERS[planner]
        found[name] = evaluate(
            model,
            recipe.world(),
            cases,
            Conditions(budget_env_steps=recipe.BUDGET_ENV_STEPS, streams=streams, references=False),
        )
        for result in found[name]:
            low, high = result.interval
            print(
                f"  {name:14s} stream {result.stream}  {result.rate:.4f} [{low:.3f}, {high:.3f}]",
                flush=True,
            )
    return found


def print_paired(found: dict[str, list[Success]]) -> None:
    """Fast-LeWM against LeWM of the same seed, on the same cases with the same planner stream."""
    print("\nFast-LeWM minus LeWM, paired by case (Newcombe interval, exact McNemar)")
    for name, results in found.items():
        partner = name.replace("Fast-LeWM", "LeWM")
        if partner == name or partner not in found:
            continue
        for ours, theirs in zip(results, found[partner], strict=True):
            apart = stats.paired_difference(ours.solved, theirs.solved)
            p = stats.mcnemar(ours.solved, theirs.solved)
            print(
                f"  {name:14s} stream {ours.stream}  {apart.value:+.4f} "
                f"[{apart.low:+.3f}, {apart.high:+.3f}]  p = {p:.2f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lewm", type=Path, nargs="*", default=[bundled("two_room")])
    parser.add_argument("--fast", type=Path, nargs="*", default=[])
    parser.add_argument("--streams", type=int, default=3, help="planner streams per model")
    parser.add_argument("--planner", choices=PLANNERS, default="64x5", help="of the success table")
    parser.add_argument("--runs", type=int, default=15, help="rounds of each timing")
    parser.add_argument("--episodes", type=int, default=60, help="per policy, for the drift")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--only",
        choices=("success", "time", "drift"),
        nargs="*",
        default=("success", "time", "drift"),
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        fast = options.fast or [Path(folder) / "fast.pt"]
        lewm = {f"LeWM {i}": trained(path, small(), i) for i, path in enumerate(options.lewm)}
        jump = {f"Fast-LeWM {i}": trained(path, fast_small(), i) for i, path in enumerate(fast)}
    models = lewm | jump
    for name, model in models.items():
        print(f"{name:14s} {model.num_parameters:7,d} parameters  {model.name}")
    print(f"torch {torch.__version__}, {options.threads} thread(s)")
    if "success" in options.only:
        print_paired(print_success(models, options.planner, range(1, 1 + options.streams)))
    first = {"LeWM": models["LeWM 0"], "Fast-LeWM": models["Fast-LeWM 0"]}
    if "time" in options.only:
        print_calls(first, PLANNERS)
        for planner, config in PLANNERS.items():
            print_plan_times(first, planner, config, runs=options.runs)
        print_candidate_times(paper(), fast_paper(), num_candidates=300, runs=6)
    if "drift" in options.only:
        print_drift(models, episodes_per_policy=options.episodes)


if __name__ == "__main__":
    main()
