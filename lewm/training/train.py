"""The training loop.

Source: the recipe of LeWM (arXiv:2603.19312), `lewm.training.updates`. Ours adds collapse alarms, a
state to go on from after a kill, several processes with one statistic, and re-estimates the
BatchNorm statistics before the model is used: running ones lag behind, and an evaluation loss may
be wrong by a factor of hundreds (facts/lewm.md 10.3).
"""

import math
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lewm.build import WorldModelModule, build
from lewm.config import ModelConfig
from lewm.data.batch_order import BatchOrder
from lewm.data.windows import ActionStats, Source, Windows, pixels_from_frames
from lewm.errors import LewmError
from lewm.training import kernels as products
from lewm.training.alarms import collapse_alarms
from lewm.training.distributed import (
    gather_to_all,
    mean_over_ranks,
    num_ranks,
    rank,
    share_of,
    wait_for_all,
)
from lewm.training.kernels import Kernels
from lewm.training.sigreg import random_directions, sigreg
from lewm.training.train_config import TrainConfig
from lewm.training.train_log import Progress, straightness
from lewm.training.train_state import StateFile, TrainState, optimizer_tensors, restore_optimizer
from lewm.training.tuning import Start
from lewm.training.updates import Outcome, Updater


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
    progress: Callable[[Progress], object] = lambda _: None,
    state: StateFile | None = None,
    start: Start | None = None,
    kernels: Kernels = "torch",
    device: str = "cpu",
) -> TrainResult:
    """Train a model from scratch, from `start` or from `state`, on windows of `source`.

    Everything random follows from `config.seed`; the global generator is left as it was. Among
    several processes (`lewm.training.distributed`) each sees its share of every batch; rank 0 alone
    reports and writes.

    Raises:
        LewmError: the data have no window or too few for a batch, the loss is not finite, or
            `state` is another run's.
    """
    accelerators = [torch.device(device)] if torch.device(device).type == "cuda" else []
    with torch.random.fork_rng(devices=accelerators):
        run = _Run(model_config, config, source, start, kernels, torch.device(device))
        with products.linear_layers(run.updater.model, kernels):
            return run.to_the_end(progress, state)


def recalibrate_batchnorm(
    model: WorldModelModule, batches: Iterable[tuple[Tensor, Tensor]]
) -> None:
    """Set the running statistics to plain averages over `batches`, weights untouched.

    Those of frozen parts are kept.
    """
    norms = [
        module
        for module in model.modules()
        if isinstance(module, nn.BatchNorm1d) and module.weight.requires_grad
    ]
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


class _Run:
    """Everything that changes while training; on every rank the same but for the dropout."""

    def __init__(
        self,
        model_config: ModelConfig,
        config: TrainConfig,
        source: Source,
        start: Start | None,
        kernels: Kernels,
        device: torch.device,
    ) -> None:
        self.config = config
        self.device = device
        self.windows = Windows(
            source, num_frames=model_config.window_frames, block_size=model_config.block_size
        )
        if len(self.windows) < config.batch_size:
            raise LewmError(
                f"the data have {len(self.windows)} windows, a batch has {config.batch_size}",
                next_step="collect more episodes or lower batch_size",
            )
        self.share = share_of(config.batch_size)
        self.order = BatchOrder(len(self.windows), config.batch_size, seed=config.seed)
        torch.manual_seed(config.seed)
        model = build(model_config).train() if start is None else start.model()
        model.to(device)
        if rank() > 0:  # the same weights, another dropout
            torch.manual_seed(config.seed + 2**32 * rank())
        self.updater = Updater(model, config)
        self.identity: dict[str, Any] = {
            "model": model_config.to_json(),
            "train": config.to_json(),
            "data": {
                "digest": source.digest(),
                "num_episodes": len(source.lengths),
                "num_windows": len(self.windows),
            },
            "num_processes": num_ranks(),
        }
        if start is not None:
            self.windows.action_stats = start.checkpoint.action_stats
            self.identity["start"] = start.identity()
        self.versions = [_versions(kernels, device)]
        self.done = 0
        self.log: list[Progress] = []
        self.seconds_before = 0.0
        self.started = time.perf_counter()

    def to_the_end(
        self, progress: Callable[[Progress], object], file: StateFile | None
    ) -> TrainResult:
        state = None if file is None else file.load(self.identity)
        if state is not None:
            self._restore_whole(state)
        if rank() == 0:
            for entry in self.log:
                progress(entry)
        self.started = time.perf_counter()
        last = self.config.num_updates
        while self.done < last:
            outcome = self.updater(*self._next_batch(), update=self.done)
            self.done += 1
            if self.done % self.config.log_every_updates == 0 or self.done == last:
                self.log.append(self._progress(outcome))
                if rank() == 0:
                    progress(self.log[-1])
            if file is not None and (self.done % file.save_every_updates == 0 or self.done == last):
                self._save(file)
        model = self.updater.model
        calibration = (self._next_batch() for _ in range(self.config.calibration_batches))
        recalibrate_batchnorm(model, calibration)
        return TrainResult(
            model=model.to("cpu"),
            action_stats=self.windows.action_stats,
            record=self._record(),
            seconds=self._seconds(),
        )

    def _next_batch(self) -> tuple[Tensor, Tensor]:
        frames, blocks = self.windows.read(next(self.order)[self.share])
        return pixels_from_frames(frames.to(self.device)), blocks.to(self.device)

    def _seconds(self) -> float:
        return self.seconds_before + time.perf_counter() - self.started

    def _progress(self, outcome: Outcome) -> Progress:
        losses = outcome.losses
        loss = mean_over_ranks(losses.total.detach()).item()
        if not math.isfinite(loss):
            raise LewmError(
                f"the loss is {loss} after update {self.done}",
                next_step="lower learning_rate, or lengthen warmup_updates",
            )
        statistic = losses.sigreg
        if statistic is None:
            generator = torch.Generator().manual_seed(self.config.seed)
            width, count = outcome.z.shape[-1], self.config.num_projections
            directions = random_directions(width, count, generator=generator, like=outcome.z)
            statistic = sigreg(outcome.z, directions)
        z = torch.cat(gather_to_all(outcome.z.contiguous()))
        seconds = self._seconds()
        since, before = (self.log[-1].update, self.log[-1].seconds) if self.log else (0, 0.0)
        num_windows = (self.done - since) * self.config.batch_size
        return Progress(
            update=self.done,
            prediction_loss=mean_over_ranks(losses.prediction.detach()).item(),
            sigreg=statistic.item(),
            regularizer_loss=mean_over_ranks(losses.regularizer.detach()).item(),
            latent_std=z.flatten(end_dim=1).std(dim=0).mean().item(),
            straightness=straightness(z).item(),
            grad_norm=outcome.grad_norm.item(),
            learning_rate=self.updater.optimizer.param_groups[0]["lr"],
            seconds=seconds,
            windows_per_second=num_windows / max(seconds - before, 1e-9),
            alarms=collapse_alarms(z, statistic.item()),
        )

    def _save(self, file: StateFile) -> None:
        """Keep the state; one that has gone wrong does not replace the last good one."""
        if not all(bool(p.isfinite().all()) for p in self.updater.model.parameters()):
            raise LewmError(
                f"a weight is not a finite number after update {self.done}",
                next_step="lower learning_rate, or lengthen warmup_updates",
            )
        dropout = gather_to_all(self._dropout_generator())
        if rank() == 0:
            file.save(
                TrainState(
                    run=self.identity,
                    versions=self.versions,
                    update=self.done,
                    order=self.order.generator_state(),
                    log=self.log,
                    seconds=self._seconds(),
                    tensors={
                        **{f"model/{k}": v for k, v in self.updater.model.state_dict().items()},
                        **optimizer_tensors(self.updater.optimizer),
                        **{f"dropout/{number}": each for number, each in enumerate(dropout)},
                        "order/left": torch.from_numpy(self.order.left.copy()),
                        "directions": self.updater.objective.directions.get_state(),
                    },
                )
            )
        wait_for_all()

    def _restore_whole(self, state: TrainState) -> None:
        """Refuse a state whose parts do not fit the run."""
        try:
            if not 0 <= state.update <= self.config.num_updates:
                raise ValueError(f"{state.update} updates of {self.config.num_updates}")
            self._restore(state)
        except (KeyError, IndexError, RuntimeError, TypeError, ValueError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise LewmError(
                f"the training state is damaged: {reason}",
                next_step="delete it to begin anew",
            ) from error

    def _restore(self, state: TrainState) -> None:
        tensors = state.tensors
        prefix = "model/"
        self.updater.model.load_state_dict(
            {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        )
        restore_optimizer(self.updater.optimizer, tensors)
        self.updater.objective.directions.set_state(tensors["directions"])
        self.order.restore(state.order, tensors["order/left"].numpy())
        self._set_dropout_generator(tensors[f"dropout/{rank()}"])
        self.done, self.log, self.seconds_before = state.update, list(state.log), state.seconds
        if self.versions[-1] != state.versions[-1]:
            self.versions = [*state.versions, *self.versions]
        else:
            self.versions = state.versions

    def _dropout_generator(self) -> Tensor:
        if self.device.type == "cuda":
            return torch.cuda.get_rng_state(self.device)
        return torch.get_rng_state()

    def _set_dropout_generator(self, state: Tensor) -> None:
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(state, self.device)
        else:
            torch.set_rng_state(state)

    def _record(self) -> dict[str, Any]:
        record = {
            **{key: self.identity[key] for key in ("model", "train", "data")},
            "batchnorm": "recalibrated",
            "losses": [entry.to_record() for entry in self.log],
            "versions": self.versions[-1],
        }
        if num_ranks() > 1:
            record["num_processes"] = num_ranks()
        if len(self.versions) > 1:  # resumed with other software, or on another machine
            record["earlier_versions"] = self.versions[:-1]
        return record


def _versions(kernels: Kernels, device: torch.device) -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "kernels": kernels,
        "device": device.type,
    }
