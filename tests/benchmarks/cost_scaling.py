"""Operations and seconds of one plan against tokens per frame, at equal width: random weights.

    python -m tests.benchmarks.cost_scaling                  # processor, the small sizes
    python -m tests.benchmarks.cost_scaling --device cuda    # the paper's sizes, where a GPU is

The models are `lewm.tokens` at 1, 4, 16, 64 and 196 tokens, equally wide and deep, and LeWM and
Fast-LeWM as they are. Operations are counted along the plain path; LeWM plans on the kernels that
it would be deployed with. A plan is of one case. Published sizes are counted without being run.
"""

import argparse
from collections.abc import Callable

import numpy as np
import torch

from lewm.adapter import AuditableModel
from lewm.build import build, new_model
from lewm.config import ModelConfig, fast_paper, fast_small, paper, small
from lewm.data.windows import ActionStats
from lewm.planning.plan_config import PlanConfig, paper_planner, small_planner
from lewm.planning.planner import make_planner
from lewm.tokens import carrying_tokens, dino_wm_sizes
from perturbations.suites.operations import count
from tests.benchmarks.fast_lewm_time import in_turn

TOKENS = (1, 4, 16, 64, 196)
STATS = ActionStats(mean=(0.0, 0.0), std=(1.0, 1.0))


def models(*, is_paper: bool) -> dict[str, ModelConfig]:
    """Configurations by name; a frame of 112 px can be cut into all numbers of tokens."""
    lewm, fast = (paper(), fast_paper()) if is_paper else (small(image_size=112), None)
    fast = fast or fast_small(image_size=112)
    over = {f"{number} tokens": carrying_tokens(lewm, number) for number in TOKENS}
    return {"LeWM": lewm, "Fast-LeWM": fast, **over}


def auditable(config: ModelConfig, planner: PlanConfig, device: str) -> AuditableModel:
    """A model with random weights, or on `meta` with none."""
    if device == "meta":
        with torch.device("meta"):
            module = build(config)
    else:
        module = new_model(config, seed=0).to(device)
    return AuditableModel(module, STATS, name="random weights", plan_config=planner)


def operations(config: ModelConfig, planner: PlanConfig) -> tuple[int, int]:
    """Of encoding a frame and of one whole plan: two frames, and every candidate."""
    model = auditable(config, planner, "meta")
    seen = np.zeros((1, config.image_size, config.image_size, 3), dtype=np.uint8)
    frame = count(lambda: model.encode(seen)).operations
    z = model.encode(seen)
    blocks = torch.zeros(1, planner.horizon, config.block_size, config.action_width)
    candidate = count(lambda: model.terminal(z, blocks)).operations
    evaluated = planner.num_samples * planner.iterations + 1
    return frame, 2 * frame + evaluated * candidate


def plans(config: ModelConfig, planner: PlanConfig, device: str) -> Callable[[int], object]:
    """What makes one plan, from its number."""
    model = auditable(config, planner, device)
    frames = np.random.default_rng(0).integers(
        0, 256, (2, config.image_size, config.image_size, 3), dtype=np.uint8
    )
    search = make_planner(planner)
    return lambda run: search.plan(model, frames[:1], frames[1:], [run])


def print_measured(planner: PlanConfig, *, device: str, rounds: int) -> None:
    """One row per model, in units of one token."""
    configs = models(is_paper=device != "cpu")
    counted = {name: operations(config, planner) for name, config in configs.items()}
    works = {name: plans(config, planner, device) for name, config in configs.items()}
    spent = in_turn(works, rounds)
    one_plan = counted["1 tokens"][1], float(np.median(spent["1 tokens"]))
    print("| model | latent | operations, frame | operations, plan | x | s per plan | x |")
    print("|---|---|---|---|---|---|---|")
    for name, config in configs.items():
        frame, plan = counted[name]
        middle = float(np.median(spent[name]))
        print(
            f"| {name} | {config.latent_width} | {frame:.3g} | {plan:.3g} | "
            f"{plan / one_plan[0]:.3g} | {middle:.3g} [{min(spent[name]):.3g}, "
            f"{max(spent[name]):.3g}] | {middle / one_plan[1]:.3g} |",
            flush=True,
        )


def print_published(planner: PlanConfig) -> None:
    """Sizes of the papers, counted and not run."""
    print("\n| published sizes | tokens | operations, frame | operations, plan | over LeWM |")
    print("|---|---|---|---|---|")
    reference = operations(paper(), planner)[1]
    sizes = {"LeWM": paper(), "Fast-LeWM": fast_paper(), "DINO-WM": dino_wm_sizes()}
    for name, config in sizes.items():
        frame, plan = operations(config, planner)
        print(
            f"| {name} | {config.tokens_per_frame} | {frame:.3g} | {plan:.3g} | "
            f"{plan / reference:.3g} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    planner = small_planner() if chosen.device == "cpu" else paper_planner()
    if chosen.device == "cpu":
        torch.set_num_threads(1)
        where = "processor, 1 thread"
    else:
        where = torch.cuda.get_device_name(chosen.device)
    print(
        f"torch {torch.__version__}, {where}; CEM {planner.num_samples} x {planner.iterations}, "
        f"horizon {planner.horizon}; median [least, most] of {chosen.rounds} plans\n"
    )
    print_measured(planner, device=chosen.device, rounds=chosen.rounds)
    print_published(paper_planner())


if __name__ == "__main__":
    main()
