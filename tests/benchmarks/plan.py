"""One CEM plan at paper size: stable-worldmodel's solver and ours, in turn, in one process.

    PYTHONPATH=. .venv-reference/bin/python -W ignore -m tests.benchmarks.plan

Same weights (random, every tensor awake), same frames, same noise. Both encode the frames and the
goal, then search. With a history of 3 the reference gets the executed blocks put before every
candidate, as its main branch does; 0.1.1 itself would draw them at random. Fails where float32
finds other elites, or a final mean that differs by more than 1e-4.
"""

import argparse
import contextlib
import importlib.metadata
import io
import os
import platform
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import tests.reference.torchvision_schemas  # noqa: F401

# isort: split
import gymnasium
import numpy as np
import torch
from stable_worldmodel.solver.cem import CEMSolver
from torch import Tensor

from lewm.planning.costs import latent_cost
from lewm.planning.plan_config import PlanConfig
from lewm.planning.plan_kernels import PlanKernels
from lewm.planning.planner import search
from lewm.planning.search import Problem, streams
from lewm.planning.swm_model import module_of
from tests.benchmarks.plan_floor import (
    floor_of,
    peak_bandwidth,
    peak_flops,
    peak_flops_cuda,
)
from tests.reference import official

SAMPLES, ELITES, HORIZON, BLOCK, WIDTH = 300, 30, 5, 5, 2
SEED = 42


class Watch:
    """A callback of the reference's solver: when each iteration ended and which were the elites."""

    output_key = "watch"

    def __init__(self) -> None:
        self.history: list[Any] = []
        self.times: list[float] = []
        self.processor_times: list[float] = []
        self.elites: list[set[int]] = []

    def reset(self) -> None: ...
    def start_batch(self) -> None: ...
    def end_solve(self) -> None: ...

    def __call__(self, *, topk_inds: Tensor, **_: Any) -> None:
        self.elites.append(set(topk_inds[0].tolist()))
        self.times.append(time.perf_counter())
        self.processor_times.append(time.process_time())

    def observe(self, _: int, __: Tensor, costs: Tensor) -> None:
        """The same for our search."""
        self(topk_inds=costs.topk(ELITES, dim=1, largest=False).indices)

    def seconds_per_iteration(self) -> list[float]:
        return np.diff(self.times).tolist()


class AfterPast(torch.nn.Module):
    """The reference's model, with executed blocks put before every candidate."""

    def __init__(self, model: torch.nn.Module, past: Tensor) -> None:
        super().__init__()
        self.model, self.past = model, past

    def get_cost(self, info: dict[str, Any], candidates: Tensor) -> Tensor:
        past = self.past[:, None].expand(-1, candidates.shape[1], -1, -1)
        cost: Tensor = self.model.get_cost(info, torch.cat([past, candidates], dim=2))
        return cost


class Case:
    """Frames, goal and executed blocks of one plan."""

    def __init__(self, history: int, device: str) -> None:
        g = torch.Generator().manual_seed(history)
        self.history = history
        self.pixels = torch.randn(1, history, 3, 224, 224, generator=g).to(device)
        self.goal = torch.randn(1, 1, 3, 224, 224, generator=g).to(device)
        self.past = torch.randn(1, history - 1, BLOCK * WIDTH, generator=g).to(device)


def by_reference(model: torch.nn.Module, case: Case, iterations: int) -> tuple[Tensor, Watch]:
    watch = Watch()
    device = case.pixels.device
    solver = CEMSolver(  # its noise (1, S, T, K * A) is the stream of ours, (S, T, K, A)
        AfterPast(model, case.past),
        num_samples=SAMPLES,
        n_steps=iterations,
        topk=ELITES,
        device=device,
        seed=SEED,
        callbacks=[watch],
    )
    space = gymnasium.spaces.Box(-1.0, 1.0, (1, WIDTH), dtype=np.float32)
    settings = SimpleNamespace(horizon=HORIZON, action_block=BLOCK)
    solver.configure(action_space=space, n_envs=1, config=settings)
    action = torch.zeros(1, case.history, BLOCK * WIDTH)
    with contextlib.redirect_stdout(io.StringIO()):
        found = solver.solve({"pixels": case.pixels, "goal": case.goal, "action": action})
    return found["actions"], watch


def by_us(
    model: Any, kernels: PlanKernels, case: Case, iterations: int, *, num_cases: int = 1
) -> tuple[Tensor, Watch]:
    watch = Watch()
    device = case.pixels.device
    config = PlanConfig(
        num_samples=SAMPLES, iterations=iterations, elites=ELITES, history=case.history
    )
    with torch.no_grad():
        z = model.encode(case.pixels).expand(num_cases, -1, -1)
        goal = model.encode(case.goal)[:, 0].expand(num_cases, -1)
        past = case.past.reshape(1, -1, BLOCK, WIDTH).expand(num_cases, -1, -1, -1)
        cost = latent_cost(config, kernels(model, z, past), goal)
        start = torch.zeros(num_cases, HORIZON, BLOCK, WIDTH, device=device)
        noise = [torch.Generator(device=device).manual_seed(SEED) for _ in range(num_cases)]
        problem = Problem(cost, start, streams(noise), observe=watch.observe)
        plan = search(config, problem).plan
    return plan[:1].flatten(start_dim=2).cpu(), watch


def timed(work: Callable[[], tuple[Tensor, Watch]]) -> tuple[float, float, Tensor, Watch]:
    """Seconds, processor seconds, plan and watch."""
    wall, processor = time.perf_counter(), time.process_time()
    plan, watch = work()
    return time.perf_counter() - wall, time.process_time() - processor, plan, watch


def spread(values: list[float], unit: str, scale: float) -> str:
    low, middle, high = (scale * float(np.quantile(values, q)) for q in (0, 0.5, 1))
    return f"{middle:.3g} {unit} [{low:.3g}, {high:.3g}]"


def run(history: int, theirs: Any, ours: Any, options: argparse.Namespace) -> None:
    case = Case(history, options.device)
    makers: dict[str, PlanKernels] = {
        precision: PlanKernels(num_threads=options.threads, precision=precision)
        for precision in options.precisions
    }
    works = {"reference": lambda: by_reference(theirs, case, options.iterations)}
    for name, kernels in makers.items():
        works[name] = lambda kernels=kernels: by_us(ours, kernels, case, options.iterations)
    for name in works:
        if name == "reference":
            by_reference(theirs, case, 1)
        else:
            by_us(ours, makers[name], case, 1)  # packs the weights, or records the graph
    results: dict[str, list[tuple[float, float, Tensor, Watch]]] = {name: [] for name in works}
    for _ in range(options.repeats):
        for name, work in works.items():
            results[name].append(timed(work))

    print(f"\nhistory {history}: {options.repeats} plans of {options.iterations} iterations each")
    *_, plan, watch = results["reference"][0]
    for name, rounds in results.items():
        iterations = [s for *_, w in rounds for s in w.seconds_per_iteration()]
        processor = [s for *_, w in rounds for s in np.diff(w.processor_times).tolist()]
        print(f"  {name} ({makers[name].kernel_path if name in makers else 'its own'})")
        print(f"    plan {spread([r[0] for r in rounds], 's', 1)}", end=", ")
        print(f"processor {spread([r[1] for r in rounds], 's', 1)}", end=", ")
        print(f"iteration {spread(iterations, 'ms', 1e3)}", end=", ")
        print(f"processor {spread(processor, 'ms', 1e3)}")
        if name == "reference":
            continue
        ratios = [a[0] / b[0] for a, b in zip(results["reference"], rounds, strict=True)]
        work_ratios = [a[1] / b[1] for a, b in zip(results["reference"], rounds, strict=True)]
        print(f"    ratio {spread(ratios, '', 1)}", end="; ")
        print(f"of processor time {spread(work_ratios, '', 1)}")
        *_, found, found_watch = rounds[0]
        shared = [len(a & b) for a, b in zip(watch.elites, found_watch.elites, strict=True)]
        print(f"    elites shared of {ELITES}: least {min(shared)}, last {shared[-1]}", end="; ")
        deviation = float((plan - found).abs().max())
        print(f"largest deviation of the final mean {deviation:.2g}")
        if name == "float32" and (min(shared) < ELITES or deviation > 1e-4):
            raise SystemExit("float32 does not find the plan of the reference")
    print_floor(case, ours, results, options)


def print_floor(
    case: Case, ours: Any, results: dict[str, Any], options: argparse.Namespace
) -> None:
    """How far the float32 plan is from what the machine could do."""
    generator = torch.Generator().manual_seed(0)
    candidates = torch.randn(1, SAMPLES, HORIZON, BLOCK, WIDTH, generator=generator)
    floor = floor_of(
        module_of(ours.cpu(), block_size=BLOCK),
        torch.zeros(1, case.history, ours.config.latent_width),
        torch.zeros(1, case.history - 1, BLOCK, WIDTH),
        candidates,
    )
    ours.to(options.device)
    if options.device == "cuda":
        peaks = {str(dtype): peak_flops_cuda(dtype) for dtype in (torch.float32, torch.bfloat16)}
    else:
        peaks = {"float32": peak_flops(options.threads)}
    bandwidth = peak_bandwidth(options.device)
    print(
        f"  floor per iteration: {floor.operations / 1e9:.1f} GFLOP, {floor.num_bytes / 1e9:.2f} GB"
    )
    best = min(s for *_, w in results["float32"] for s in w.seconds_per_iteration())
    for name, peak in peaks.items():
        least = floor.operations / peak
        print(
            f"    {name}: {1e3 * least:.1f} ms at {peak / 1e9:.0f} GFLOP/s measured now; "
            f"{1e3 * floor.num_bytes / bandwidth:.1f} ms at {bandwidth / 1e9:.0f} GB/s if nothing "
            f"stayed in caches; float32's best iteration is {best / least:.2f} times the former"
        )


def run_batch(theirs: Any, ours: Any, options: argparse.Namespace) -> None:
    """Many plans at once, ours alone: seconds for each."""
    case = Case(1, options.device)
    for precision in options.precisions:
        kernels = PlanKernels(num_threads=options.threads, precision=precision)
        args = (ours, kernels, case, options.iterations)
        by_us(*args, num_cases=options.batch)
        seconds = [timed(lambda a=args: by_us(*a, num_cases=options.batch))[0] for _ in range(3)]
        each = [s / options.batch for s in seconds]
        print(f"\n{options.batch} plans at once, {precision}: {spread(each, 'ms', 1e3)} each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--iterations", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--histories", type=int, nargs="+", default=[3, 1])
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--batch", type=int, default=0, help="also this many plans at once")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    theirs = official.build(official.CONFIGS["paper"])
    official.randomize(theirs, seed=0)
    theirs = theirs.eval().requires_grad_(False).to(options.device)
    ours = module_of(theirs, block_size=BLOCK).eval().requires_grad_(False)
    version = importlib.metadata.version("stable_worldmodel")
    print(
        f"stable-worldmodel {version}, torch {torch.__version__}, {platform.machine()}, "
        f"{options.threads} threads on {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; "
        f"{SAMPLES} samples, {ELITES} elites, horizon {HORIZON}; median [least, largest]"
    )
    for history in options.histories:
        run(history, theirs, ours, options)
    if options.batch:
        run_batch(theirs, ours, options)


if __name__ == "__main__":
    main()
