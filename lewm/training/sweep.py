"""Many weights of SIGReg, several seeds each: what does the weight buy?

Shapes in this module:
    N  windows      F  frames of a window      D  latent width

Low prediction error with unit variance and full rank does not mean that a model can be planned with
(facts/environments.md section 3); success in closed loop is measured too where the world can be
run. Everything else is measured on episodes that no run was trained on.
"""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from lewm.adapter import from_checkpoint
from lewm.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lewm.config import ModelConfig
from lewm.data.held_out import EpisodeSubset, split_episodes
from lewm.data.windows import Source, Windows
from lewm.errors import LewmError
from lewm.evaluation import cases as case_files
from lewm.evaluation.evaluate import Conditions, evaluate
from lewm.partial import written_whole
from lewm.planning.plan_config import PlanConfig
from lewm.training.kernels import Kernels
from lewm.training.recipes import checkpoint_of
from lewm.training.regularizers import spectral_term
from lewm.training.train import train
from lewm.training.train_config import TrainConfig
from lewm.training.train_state import StateFile
from lewm.worlds import make_world

_MAX_WINDOWS = 1024
_BUDGET_ENV_STEPS = 50
_GOAL_OFFSET_ENV_STEPS = 25


@dataclass(frozen=True)
class Sweep:
    """What all runs share."""

    model: ModelConfig
    config: TrainConfig
    """Its seed and SIGReg weight are those of each run."""
    plan_config: PlanConfig
    world: dict[str, Any]
    held_out: float
    """Share of the episodes that no run is trained on; the same ones for all."""
    num_cases: int
    """Cases in closed loop; 0 leaves success unmeasured."""
    kernels: Kernels = "torch"


def run_sweep(
    sweep: Sweep,
    source: Source,
    *,
    weights: Sequence[float],
    seeds: Sequence[int],
    out: Path,
    say: Callable[[str], object] = lambda _: None,
) -> list[dict[str, Any]]:
    """Train and measure every pair of weight and seed; what `out` already holds is not run again.

    Writes a checkpoint and its row for each run, and `sweep.json` with all of them.

    Returns:
        One row for each run, weights first.

    Raises:
        LewmError: `out` holds a run of another recipe or other data.
    """
    kept, held_out = (
        cast(Source, EpisodeSubset(source, episodes))
        for episodes in split_episodes(len(source.lengths), held_out=sweep.held_out, seed=0)
    )
    digest = source.digest()
    rows = []
    for weight in weights:
        for seed in seeds:
            config = replace(
                sweep.config, seed=seed, sigreg_weight=weight, final_sigreg_weight=None
            )
            path = out / f"weight-{weight:g}-seed-{seed}.pt"
            of = {
                "train": config.to_json(),
                "model": sweep.model.to_json(),
                "data": digest,
                "held_out": sweep.held_out,
                "num_cases": sweep.num_cases,
            }
            row = _finished(path, of)
            if row is None:
                checkpoint = _trained(sweep, config, kept, path)
                row = {"weight": weight, "seed": seed, **_measured(sweep, checkpoint, held_out)}
                _write(path.with_suffix(".json"), {"of": of, "row": row})
            say(f"{path.name}: prediction {row['prediction_ratio']:.3f} of nothing moves")
            rows.append(row)
    _write(out / "sweep.json", rows)
    return rows


def table(rows: Iterable[dict[str, Any]]) -> list[str]:
    """The rows as lines of text."""
    lines = ["  weight  seed  prediction  of still   rank  latent std  success"]
    for row in rows:
        solved = "unmeasured"
        if row["success"] is not None:
            low, high = row["success_interval"]
            solved = f"{row['success']:.3f} [{low:.3f}, {high:.3f}]"
        lines.append(
            f"{row['weight']:8g} {row['seed']:5d} {row['prediction']:11.5f} "
            f"{row['prediction_ratio']:9.3f} {row['effective_rank']:6.2f} "
            f"{row['latent_std']:11.3f}  {solved}"
        )
    return lines


def effective_rank(z: Tensor) -> float:
    """How many directions latents z (N, F, D) spread over: exp of their spectrum's entropy."""
    return z.shape[-1] * math.exp(-spectral_term(z).item())


def _trained(sweep: Sweep, config: TrainConfig, source: Source, path: Path) -> Checkpoint:
    if path.exists():  # stopped between training and measuring
        checkpoint = load_checkpoint(path)
        if checkpoint.training["train"] == config.to_json():
            return checkpoint
    state = StateFile(path.with_name(f"{path.name}.state"), resume=True)
    result = train(sweep.model, config, source, state=state, kernels=sweep.kernels)
    checkpoint = checkpoint_of(
        result, sweep.model, world=sweep.world, plan_config=sweep.plan_config
    )
    save_checkpoint(path, checkpoint)
    state.remove()
    return checkpoint


def _measured(sweep: Sweep, checkpoint: Checkpoint, held_out: Source) -> dict[str, Any]:
    windows = Windows(
        held_out, num_frames=sweep.model.window_frames, block_size=sweep.model.block_size
    )
    every = max(1, len(windows) // _MAX_WINDOWS)
    chosen = np.arange(0, len(windows), every)
    model = checkpoint.model()
    found: list[tuple[Tensor, Tensor]] = []
    with torch.no_grad():
        for part in np.array_split(chosen, math.ceil(len(chosen) / 64)):
            pixels, blocks = windows.gather(part)
            z = model.encode(pixels)
            found.append((z, model.predict_window(z, blocks)))
    z, z_hat = (torch.cat(parts) for parts in zip(*found, strict=True))
    error = (z_hat - z[:, 1:]).square().mean().item()
    still = (z[:, :-1] - z[:, 1:]).square().mean().item()
    return {
        "prediction": error,
        "prediction_ratio": error / max(still, 1e-12),
        "effective_rank": effective_rank(z),
        "latent_std": z.flatten(end_dim=1).std(dim=0).mean().item(),
        "num_windows": len(chosen),
        "num_held_out_episodes": len(held_out.lengths),
        "alarms": checkpoint.training["losses"][-1]["alarms"],
        **_success(sweep, checkpoint),
    }


def _success(sweep: Sweep, checkpoint: Checkpoint) -> dict[str, Any]:
    """Of the model alone, on cases that every run shares."""
    if sweep.num_cases == 0:
        return {"success": None, "success_interval": None}
    world = make_world(sweep.world)
    cases = case_files.sample_cases(
        world,
        num_cases=sweep.num_cases,
        goal_offset_env_steps=_GOAL_OFFSET_ENV_STEPS,
        seed=0,
    )
    model = from_checkpoint(checkpoint, name="sweep")
    conditions = Conditions(budget_env_steps=_BUDGET_ENV_STEPS, streams=[0], references=False)
    (found,) = evaluate(model, world, cases, conditions)
    return {"success": found.rate, "success_interval": list(found.interval)}


def _finished(path: Path, of: dict[str, Any]) -> dict[str, Any] | None:
    row = path.with_suffix(".json")
    if not row.exists():
        return None
    stored = json.loads(row.read_text())
    if stored["of"] != of:
        differing = sorted(key for key in of if stored["of"].get(key) != of[key])
        raise LewmError(
            f"{path} is a run with another {', '.join(differing)}",
            next_step="choose another --out, or delete that run",
        )
    return cast(dict[str, Any], stored["row"])


def _write(path: Path, data: Any) -> None:
    with written_whole(path) as partial:
        partial.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n")
