"""The training loop.

Source: the recipe of LeWM (arXiv:2603.19312) as its code runs it: AdamW, clipping, a linear warm-up
and a cosine built for more updates than are run, gradients through prediction and target. Ours adds
collapse alarms, and re-estimates the BatchNorm statistics before the model is used: running ones
lag behind, and an evaluation loss may be wrong by a factor of hundreds (facts/lewm.md 10.3).
"""

import math
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lewm.build import WorldModelModule, build
from lewm.config import ModelConfig
from lewm.data import ActionStats, Source, Windows
from lewm.errors import LewmError
from lewm.objective import prediction_loss, random_directions, sigreg
from lewm.train_config import TrainConfig


@dataclass(frozen=True)
class Progress:
    """What one logged update looked like."""

    update: int
    prediction_loss: float
    sigreg: float
    latent_std: float
    """Mean over dimensions."""
    seconds: float
    alarms: tuple[str, ...]

    def line(self) -> str:
        alarms = f"  ALARM {', '.join(self.alarms)}" if self.alarms else ""
        return (
            f"update {self.update:6d}  prediction {self.prediction_loss:.5f}  "
            f"sigreg {self.sigreg:.3f}  latent std {self.latent_std:.3f}  "
            f"{self.seconds:.0f} s{alarms}"
        )


@dataclass(frozen=True)
class TrainResult:
    """A model in evaluation mode, and how it came to be."""

    model: WorldModelModule
    action_stats: ActionStats
    record: dict[str, Any]
    """Plain JSON data: recipe, data digest, losses, versions. No clock: the seed repeats it."""
    seconds: float
    """Wall time of the updates and the recalibration."""


def train(
    model_config: ModelConfig,
    config: TrainConfig,
    source: Source,
    *,
    progress: Callable[[Progress], None] = lambda _: None,
) -> TrainResult:
    """Train a model from scratch on windows of `source`.

    Everything random follows from `config.seed`; the global generator is left as it was.

    Raises:
        LewmError: the data have no window or too few for a batch, or the loss is not finite.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return _train(model_config, config, source, progress)


def learning_rate(update: int, config: TrainConfig) -> float:
    """Linear from 0 over the warm-up, then a cosine to 0 at `schedule_updates`."""
    if update < config.warmup_updates:
        return config.learning_rate * update / config.warmup_updates
    left = config.schedule_updates - config.warmup_updates
    done = (update - config.warmup_updates) / max(left, 1)
    return config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * done))


def sigreg_weight(update: int, config: TrainConfig) -> float:
    """Constant, or linear to the final weight over `sigreg_anneal_updates` and constant after."""
    first, final = config.sigreg_weight, config.final_sigreg_weight
    if final is None:
        return first
    left = max(0.0, 1.0 - update / max(config.sigreg_anneal_updates, 1))
    return final + left * (first - final)


def collapse_alarms(z: Tensor, regularizer: float) -> tuple[str, ...]:
    """Signs that latents z (B, T, D) stopped telling frames apart, by lewm-rs's thresholds."""
    flat = z.flatten(end_dim=1)
    unit = nn.functional.normalize(flat, dim=-1)
    num = len(flat)
    cosine = ((unit.sum(dim=0).square().sum() - num) / (num * (num - 1))).item()
    alarms = []
    if flat.var(dim=0).min().item() < 0.05:
        alarms.append("a latent dimension has variance below 0.05")
    if flat.mean(dim=0).abs().max().item() > 5:
        alarms.append("a latent dimension has a mean beyond 5")
    if cosine > 0.85:
        alarms.append("latents point the same way")
    if regularizer > 0.9 * 0.4020476 * len(z):
        alarms.append("SIGReg is at its collapse value")
    return tuple(alarms)


def recalibrate_batchnorm(model: WorldModelModule, batches: list[tuple[Tensor, Tensor]]) -> None:
    """Set the running statistics to plain averages over `batches`, weights untouched."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm1d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    model.eval()
    for norm in norms:
        norm.train()
    with torch.no_grad():
        for pixels, blocks in batches:
            z = model.encode(pixels)
            model.predict_window(z, blocks)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.eval()


def _train(
    model_config: ModelConfig,
    config: TrainConfig,
    source: Source,
    progress: Callable[[Progress], None],
) -> TrainResult:
    windows = Windows(
        source, num_frames=model_config.window_frames, block_size=model_config.block_size
    )
    if len(windows) < config.batch_size:
        raise LewmError(
            f"the data have {len(windows)} windows, a batch has {config.batch_size}",
            next_step="collect more episodes or lower batch_size",
        )
    order = _Order(len(windows), config.batch_size, np.random.default_rng(config.seed))
    model = build(model_config).train()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    directions = torch.Generator().manual_seed(config.seed)
    log: list[Progress] = []
    started = time.perf_counter()
    for update in range(config.num_updates):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(update, config)
        pixels, blocks = windows.gather(next(order))
        z = model.encode(pixels)
        predicted = prediction_loss(model.predict_window(z, blocks), z)
        columns = random_directions(
            model_config.latent_width, config.num_projections, generator=directions, like=z
        )
        regularizer = sigreg(z, columns)
        loss = predicted + sigreg_weight(update, config) * regularizer
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
        optimizer.step()
        if (update + 1) % config.log_every_updates == 0 or update + 1 == config.num_updates:
            if not math.isfinite(loss.item()):
                raise LewmError(
                    f"the loss is {loss.item()} after update {update + 1}",
                    next_step="lower learning_rate, or lengthen warmup_updates",
                )
            log.append(
                Progress(
                    update=update + 1,
                    prediction_loss=predicted.item(),
                    sigreg=regularizer.item(),
                    latent_std=z.detach().flatten(end_dim=1).std(dim=0).mean().item(),
                    seconds=time.perf_counter() - started,
                    alarms=collapse_alarms(z.detach(), regularizer.item()),
                )
            )
            progress(log[-1])
    recalibrate_batchnorm(
        model, [windows.gather(next(order)) for _ in range(config.calibration_batches)]
    )
    return TrainResult(
        model=model,
        action_stats=windows.action_stats,
        record=_record(model_config, config, windows, log),
        seconds=time.perf_counter() - started,
    )


class _Order:
    """Batches of window indices: shuffled passes over the data, incomplete batches dropped."""

    def __init__(self, num_windows: int, batch_size: int, rng: np.random.Generator) -> None:
        self._num_windows = num_windows
        self._batch_size = batch_size
        self._rng = rng
        self._left = np.empty(0, dtype=np.int64)

    def __next__(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        if len(self._left) < self._batch_size:
            self._left = self._rng.permutation(self._num_windows)
        batch, self._left = self._left[: self._batch_size], self._left[self._batch_size :]
        return batch


def _record(
    model_config: ModelConfig,
    config: TrainConfig,
    windows: Windows,
    log: list[Progress],
) -> dict[str, Any]:
    return {
        "model": model_config.to_json(),
        "train": config.to_json(),
        "data": {
            "digest": windows.source.digest(),
            "num_episodes": len(windows.source.lengths),
            "num_windows": len(windows),
        },
        "batchnorm": "recalibrated",
        "losses": [
            {
                "update": entry.update,
                "prediction": entry.prediction_loss,
                "sigreg": entry.sigreg,
                "latent_std": entry.latent_std,
                "alarms": list(entry.alarms),
            }
            for entry in log
        ],
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "machine": platform.machine(),
            "threads": torch.get_num_threads(),
        },
    }
