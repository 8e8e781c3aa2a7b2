"""How long Fast-LeWM and LeWM take to plan: in turn, so that a busy machine hits both."""

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from scipy.stats import binom

from lewm.adapter import AuditableModel
from lewm.build import new_model
from lewm.config import ModelConfig
from lewm.evaluation import cases as case_files
from lewm.planning.plan_config import PlanConfig
from lewm.planning.plan_kernels import PlanKernels
from lewm.planning.planner import CEM
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
    """Each median in milliseconds with its 95 % interval, and the ratio of two."""
    for name, values in seconds.items():
        middle, low, high = (1e3 * value for value in median_interval(values))
        print(f"  {name:24s} {middle:9.1f} ms [{low:.1f}, {high:.1f}]")
    print_ratio(seconds, of, over)


def print_ratio(seconds: dict[str, list[float]], of: str, over: str) -> None:
    """The median of the ratios within the rounds."""
    ratios = [a / b for a, b in zip(seconds[of], seconds[over], strict=True)]
    middle, low, high = median_interval(ratios)
    print(f"  {of} / {over}: {middle:.2f} [{low:.2f}, {high:.2f}]", flush=True)


def print_calls(models: dict[str, AuditableModel], planners: dict[str, PlanConfig]) -> None:
    """Predictor calls that wait for each other, counted; the search asks once more at its end."""
    print("\npredictor calls one after the other")
    for name, model in models.items():
        module = new_model(model.config, seed=0).eval()
        calls: list[None] = []
        module.predictor.register_forward_hook(lambda *_, calls=calls: calls.append(None))
        config = model.config
        z = torch.zeros(1, config.latent_width)
        blocks = torch.zeros(1, 5, config.block_size, config.action_width)
        module.terminal(z, blocks)
        per_plan = {key: len(calls) * (1 + value.iterations) for key, value in planners.items()}
        print(f"  {name:14s} {len(calls)} per candidate of 5 blocks; per plan {per_plan}")


def print_plan_times(
    models: dict[str, AuditableModel], planner: str, config: PlanConfig, *, runs: int
) -> None:
    """One plan of one case, frames in, actions out: as `lewm` plans, and both asked plainly."""
    cases = case_files.load(recipe.FOLDER / "cases_final.json")
    world = recipe.world()
    frames, goals = world.render(cases.starts[: runs + 1]), world.render(cases.goals[: runs + 1])
    search = CEM(config)

    def plan(model: AuditableModel) -> Callable[[int], object]:
        return lambda run: search.plan(model, frames[run : run + 1], goals[run : run + 1], [run])

    for kernels in ("measured", "plain"):
        for model in models.values():
            model.imagination = PlanKernels(choice=kernels)
        print(f"\nwall time of one plan, CEM {planner}, kernels {kernels}, {runs} rounds")
        print_times(in_turn({name: plan(m) for name, m in models.items()}, runs), *models)
        print(f"  kernels: {', '.join(f'{n} {m.kernel_path}' for n, m in models.items())}")


def print_candidate_times(
    lewm: ModelConfig, fast: ModelConfig, *, num_candidates: int, runs: int
) -> None:
    """One iteration's imagination at paper size, untrained weights."""
    print(f"\n{num_candidates} candidates x 5 blocks at paper size, {runs} rounds")
    generator = torch.Generator().manual_seed(0)
    shape = (1, num_candidates, 5, lewm.block_size, lewm.action_width)
    blocks = torch.randn(shape, generator=generator)
    z = torch.randn(1, 1, lewm.latent_width, generator=generator)
    works: dict[str, Callable[[int], object]] = {}
    for name, config, kernels in (
        ("LeWM", lewm, PlanKernels(choice="plain")),
        ("Fast-LeWM", fast, PlanKernels(choice="plain")),
        ("LeWM, packed", lewm, PlanKernels(choice="packed")),
    ):
        model = new_model(config, seed=0).eval().requires_grad_(False)
        imagine = kernels(model, z, blocks[:, 0, :0])
        works[name] = lambda _, imagine=imagine: imagine(blocks, every_step=False)
    seconds = in_turn(works, runs)
    print_times(seconds, "LeWM", "Fast-LeWM")
    print_ratio(seconds, "LeWM, packed", "Fast-LeWM")
