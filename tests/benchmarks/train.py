"""How long does an update take, beside the reference's training step?

    make reference
    PYTHONPATH=. .venv-reference/bin/python tests/benchmarks/train.py [--preset paper]

One process, in turn: the reference's modules, its loss, `torch.optim.AdamW` and clipping of the
global norm, without Lightning; and `lewm.training.updates.Updater`. Both at the same batch and
precision, on the same windows, already in memory. Prints the median of each, their ratio, the floor
(operations of our update over the fastest matrix product measured here) and, from a process of its
own for each, the memory that its updates need beyond the imports.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import tests.reference.torchvision_schemas  # noqa: F401

# isort: split
import torch
from stable_worldmodel.wm.lewm.lewm import LeWM
from stable_worldmodel.wm.lewm.module import MLP, Embedder, Predictor
from stable_worldmodel.wm.loss import SIGReg
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import ViTConfig, ViTModel

from lewm import config as presets
from lewm.build import new_model
from lewm.config import ModelConfig
from lewm.training import kernels
from lewm.training.recipes import recipe
from lewm.training.updates import Updater

PROJECTIONS = 1024
Step = Callable[[], object]


def reference_step(config: ModelConfig, pixels: Tensor, blocks: Tensor, precision: str) -> Step:
    width = config.predictor_width
    encoder = ViTModel(
        ViTConfig(
            hidden_size=config.encoder_width,
            num_hidden_layers=config.encoder_depth,
            num_attention_heads=config.encoder_heads,
            intermediate_size=config.encoder_mlp_width,
            image_size=config.image_size,
            patch_size=config.patch_size,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        ),
        add_pooling_layer=False,
    )
    predictor = Predictor(
        num_frames=config.history,
        depth=config.predictor_depth,
        heads=config.predictor_heads,
        mlp_dim=config.predictor_mlp_width,
        input_dim=config.latent_width,
        hidden_dim=width,
        output_dim=width,
        dim_head=config.predictor_head_width,
        dropout=config.dropout,
    )
    conditioning = config.latent_width  # the reference embeds actions in the width of latents
    embedder = Embedder(config.block_size * config.action_width, 10, conditioning)
    projector = MLP(
        config.encoder_width, config.projector_width, config.latent_width, nn.BatchNorm1d
    )
    last = MLP(width, config.projector_width, config.latent_width, nn.BatchNorm1d)
    model = LeWM(encoder, predictor, embedder, projector, last).to(pixels.device).train()
    regularizer = SIGReg(17, PROJECTIONS).to(pixels.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, weight_decay=1e-3)
    actions = blocks.flatten(start_dim=2)

    def step() -> None:
        with torch.autocast(pixels.device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
            info = model.encode({"pixels": pixels, "action": actions})
            z = info["emb"]
            z_hat = model.predict(z[:, :-1], info["act_emb"])
            loss = (z_hat - z[:, 1:]).pow(2).mean() + 0.09 * regularizer(z.transpose(0, 1))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


def our_step(
    config: ModelConfig, pixels: Tensor, blocks: Tensor, precision: str, chosen: kernels.Kernels
) -> Step:
    train = recipe(
        seed=0,
        num_updates=1_000_000,
        batch_size=len(pixels),
        precision=precision,
        num_projections=PROJECTIONS,
        sigreg_weight=0.09,
        final_sigreg_weight=None,
    )
    updater = Updater(new_model(config, seed=0).to(pixels.device).train(), train)

    def step() -> None:
        with kernels.linear_layers(updater.model, chosen):
            updater(pixels, blocks, update=1)

    return step


def peak_operations_per_second(precision: str, device: str) -> float:
    """The best of both libraries at a large product."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    size = 2048 if device == "cpu" else 8192
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    fastest = float("inf")
    for product in (nn.functional.linear, kernels.linear):
        for _ in range(6):
            taken = seconds(lambda product=product: product(a, b, None), device)
            fastest = min(fastest, taken)
    return 2 * size**3 / fastest


def seconds(step: Step, device: str) -> float:
    if device != "cpu":
        torch.cuda.synchronize()
    started = time.perf_counter()
    step()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def resident_mib(kind: str) -> float:
    """What the kernel says of this process: `VmRSS` now, `VmHWM` at most."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"{kind}:\s+(\d+) kB", status)[1]) / 1024


def inputs(config: ModelConfig, options: argparse.Namespace) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    shape = (options.batch_size, config.window_frames, 3, config.image_size, config.image_size)
    pixels = torch.randn(*shape, generator=generator)
    steps = (options.batch_size, config.window_frames - 1, config.block_size, config.action_width)
    return pixels.to(options.device), torch.randn(*steps, generator=generator).to(options.device)


def peak_memory_mib(which: str, options: argparse.Namespace) -> float:
    words = [sys.executable, "-W", "ignore", __file__, "--only", which, "--runs", "2"]
    for name in ("preset", "batch_size", "precision", "device", "threads"):
        words += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout.splitlines()[-1])["mib"])


def model_config(preset: str) -> ModelConfig:
    """The preset as far as the reference can be built like it: it has no other stem, and embeds
    actions as wide as latents."""
    config: ModelConfig = getattr(presets, preset)()
    return replace(config, stem="patch", latent_width=config.predictor_width)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=["paper", "small"], default="paper")
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--precision", choices=["float32", "bf16"], default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--kernels", choices=["auto", "torch", "onednn"], default="auto")
    parser.add_argument("--only", choices=["reference", "ours"], help="for the memory of one")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(options.threads)
    imported = resident_mib("VmRSS")
    config = model_config(options.preset)
    given = (config, *inputs(config, options), options.precision)
    chosen = options.kernels
    if chosen == "auto":
        chosen = kernels.choose() if options.device == "cpu" else "torch"
    steps: dict[str, Step] = {}
    if options.only != "ours":
        steps["reference"] = reference_step(*given)
    if options.only != "reference":
        steps["ours"] = our_step(*given, chosen)
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(options.runs + 1):
        for name, step in steps.items():
            taken[name].append(seconds(step, options.device))
    if options.only:
        mib = resident_mib("VmHWM") - imported
        if options.device != "cpu":
            mib = torch.cuda.max_memory_allocated() / 2**20
        print(json.dumps({"mib": mib}))
        return
    with FlopCounterMode(display=False) as counter:
        our_step(*given, "torch")()  # which the counter knows
    rate = peak_operations_per_second(options.precision, options.device)
    floor = counter.get_total_flops() / rate
    medians = {name: statistics.median(times[1:]) for name, times in taken.items()}
    print(
        f"{options.preset} ({config.image_size} px), batch {options.batch_size}, "
        f"{options.precision}, {options.device}, {options.threads} threads, kernels {chosen}"
    )
    for name, median in medians.items():
        low, high = min(taken[name][1:]), max(taken[name][1:])
        print(
            f"{name:10s} {1000 * median:9.1f} ms  [{1000 * low:.1f}, {1000 * high:.1f}]  "
            f"peak memory {peak_memory_mib(name, options):7.0f} MiB"
        )
    print(
        f"floor      {1000 * floor:9.1f} ms  {counter.get_total_flops() / 1e9:.1f} GFLOP at "
        f"{rate / 1e9:.0f} GFLOP/s; ours is {medians['ours'] / floor:.2f} times it"
    )
    print(f"ratio      {medians['reference'] / medians['ours']:9.2f}")


if __name__ == "__main__":
    main()
