"""How long Fast-LeWM and LeWM take to plan: in turn, so that a busy machine hits both."""

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from scipy.stats import binom

from lewm import cases as case_files
from lewm.adapter import AuditableModel
from lewm.build import build, new_model
from lewm.config import ModelConfig
from lewm.imagination import PlainImagination
from lewm.plan_config import PlanConfig
from lewm.planner import CEM
from lewm.pretrained import recipe


def median_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Median and the order statistics that enclose it with 95 % confidence, whatever the law."""
    ordered = np.sort(values)
    rank = max(int(binom.ppf(0.025, len(ordered), 0.5)) - 1, 0)
    return float(np.median(ordered)), float(ordered[rank]), float(ordered[-1 - rank])


def in_turn(works: dict[str, Callable[[int], object]], runs: int) -> dict[str, list[float]]:
    """Seconds of each work in every round, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for run in range(runs + 1):
        for name, work in works.items():
            started = time.perf_counter()
            work(run)
            if run:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def print_times(seconds: dict[str, list[float]], of: str, over: str) -> None:
    """Each median in milliseconds, and the median of the ratios within the rounds."""
    for name, values in seconds.items():
        middle, low, high = (1e3 * value for value in median_interval(values))
        print(f"  {name:24s} {middle:9.1f} ms [{low:.1f}, {high:.1f}]")
    ratios = [a / b for a, b in zip(seconds[of], seconds[over], strict=True)]
    middle, low, high = median_interval(ratios)
    print(f"  {of} / {over}: {middle:.2f} [{low:.2f}, {high:.2f}]", flush=True)


def print_calls(models: dict[str, AuditableModel], planners: dict[str, PlanConfig]) -> None:
    """Predictor calls that wait for each other, counted; the search asks once more at its end."""
    print("\npredictor calls one after the other")
    for name, model in models.items():
        with torch.device("meta"):
            module = build(model.config)
        calls: list[None] = []
        module.predictor.register_forward_hook(lambda *_, calls=calls: calls.append(None))
        config = model.config
        z = torch.empty(1, config.latent_width, device="meta")
        blocks = torch.empty(1, 5, config.block_size, config.action_width, device="meta")
        module.eval().terminal(z, blocks)
        per_plan = {key: len(calls) * (1 + value.iterations) for key, value in planners.items()}
        print(f"  {name:14s} {len(calls)} per candidate of 5 blocks; per plan {per_plan}")


def print_plan_times(
    models: dict[str, AuditableModel], planner: str, config: PlanConfig, *, runs: int
) -> None:
    """One plan of one case, frames in, actions out: asked plainly, and as `lewm` plans today."""
    cases = case_files.load(recipe.FOLDER / "cases_final.json")
    world = recipe.world()
    frames, goals = world.render(cases.starts[: runs + 1]), world.render(cases.goals[: runs + 1])
    search = CEM(config)

    def plan(model: AuditableModel) -> Callable[[int], object]:
        return lambda run: search.plan(model, frames[run : run + 1], goals[run : run + 1], [run])

    print(f"\nwall time of one plan, CEM {planner}, {runs} rounds, medians with 95 % intervals")
    print_times(in_turn({name: plan(m) for name, m in models.items()}, runs), *models)
    usual = {name: model.imagination for name, model in models.items()}
    if all(factory is PlainImagination for factory in usual.values()):
        return
    for model in models.values():
        model.imagination = PlainImagination
    print("the same, both models asked plainly (no kernels of their own)")
    print_times(in_turn({name: plan(m) for name, m in models.items()}, runs), *models)
    for name, model in models.items():
        model.imagination = usual[name]


def print_candidate_times(
    lewm: ModelConfig, fast: ModelConfig, *, num_candidates: int, runs: int
) -> None:
    """One iteration's imagination at paper size, untrained weights: all candidates, 5 blocks."""
    print(f"\n{num_candidates} candidates x 5 blocks at paper size, {runs} rounds")
    generator = torch.Generator().manual_seed(0)
    blocks = torch.randn(num_candidates, 5, lewm.block_size, lewm.action_width, generator=generator)
    z = torch.randn(num_candidates, lewm.latent_width, generator=generator)
    works: dict[str, Callable[[int], object]] = {}
    for name, config in {"LeWM": lewm, "Fast-LeWM": fast}.items():
        model = new_model(config, seed=0).eval().requires_grad_(False)
        works[name] = lambda _, model=model: model.terminal(z, blocks)
    print_times(in_turn(works, runs), *works)
