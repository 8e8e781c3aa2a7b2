"""A training run half-way: everything from which it goes on as if it had never stopped.

The file is `torch.save({"tensors": {...}, "json": "..."})`, written whole or not at all. It is read
weights-only: tensors and JSON, never code.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lewm.checkpoints import tensor_file
from lewm.errors import LewmError
from lewm.training.train_log import Progress

FORMAT = "lewm-train-state/1"


@dataclass(frozen=True)
class TrainState:
    """What is known after an update."""

    run: dict[str, Any]
    """What the run is: model, recipe, data digest, processes. Another run does not go on here."""
    versions: list[dict[str, Any]]
    """Software and machine, of every start so far."""
    update: int
    """Updates that are done."""
    order: dict[str, Any]
    """State of the generator that shuffles windows."""
    log: list[Progress]
    seconds: float
    tensors: dict[str, Tensor]
    """`model/NAME`, `optimizer/INDEX/NAME`, `order/left`, `directions` and `dropout/RANK`."""


@dataclass(frozen=True)
class StateFile:
    """Where a run leaves its state, how often, and whether to go on from it."""

    path: Path
    save_every_updates: int = 100
    resume: bool = False

    def load(self, run: dict[str, Any]) -> TrainState | None:
        """The state to go on from; None when there is none yet.

        Raises:
            LewmError: the file is another run's or damaged, or is there and `resume` is false.
        """
        if not self.path.exists():
            return None
        state = _read(self.path)
        if not self.resume:
            raise LewmError(
                f"{self.path} holds a run that stopped after update {state.update}",
                next_step="go on with --resume, or delete this file to begin anew",
            )
        _require_same(self.path, state.run, run)
        return state

    def save(self, state: TrainState) -> None:
        """Replace the file by this state; a kill leaves the old one or the new one."""
        data = {
            "format": FORMAT,
            "run": state.run,
            "versions": state.versions,
            "update": state.update,
            "order": state.order,
            "log": [entry.to_json() for entry in state.log],
            "seconds": state.seconds,
        }
        text = json.dumps(data, sort_keys=True, allow_nan=False)
        with self._partial.open("wb") as file:
            torch.save({"tensors": state.tensors, "json": text}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self._partial, self.path)

    def remove(self) -> None:
        """The run is over and its checkpoint is written."""
        self._partial.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    @property
    def _partial(self) -> Path:
        return self.path.with_name(f"{self.path.name}.partial")


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state by name."""
    return {
        f"optimizer/{index}/{name}": value
        for index, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` gave."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer/"):
            _, index, name = key.split("/")
            state.setdefault(int(index), {})[name] = value
    shapes: list[torch.Size] = [
        parameter.shape for group in optimizer.param_groups for parameter in group["params"]
    ]
    for number, values in state.items():
        for name, value in values.items():
            if value.ndim and value.shape != shapes[number]:
                raise ValueError(
                    f"{name} of parameter {number} has shape {tuple(value.shape)}, the parameter "
                    f"{tuple(shapes[number])}"
                )
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _read(path: Path) -> TrainState:
    stored = tensor_file.parse(path, path.read_bytes())
    try:
        data = json.loads(stored.text or "")
        if data.pop("format") != FORMAT:
            raise KeyError("format")
        log = [Progress.from_json(entry) for entry in data.pop("log")]
        return TrainState(log=log, tensors=stored.tensors, **data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LewmError(
            f"{path} is not a training state of this version of lewm",
            next_step="delete this file to begin anew",
        ) from error


def _require_same(path: Path, there: dict[str, Any], here: dict[str, Any]) -> None:
    differences = sorted(_differences("", there, here))
    if differences:
        raise LewmError(
            f"{path} is the state of another run: {'; '.join(differences[:4])}",
            next_step="give the options and data it was begun with, or delete this file to begin "
            "anew",
        )


def _differences(name: str, there: Any, here: Any) -> list[str]:
    if isinstance(there, dict) and isinstance(here, dict):
        return [
            line
            for key in sorted({*there, *here})
            for line in _differences(f"{name} {key}".strip(), there.get(key), here.get(key))
        ]
    return [] if there == here else [f"{name} is {there} there, {here} here"]
