"""Which implementation imagines a planner's candidates, chosen by measurement at the first plan.

Two implementations differ by rounding, about 1e-6. For the choice to be the same at every start,
the smallest models take the plain one unmeasured, another must win clearly, and what won is kept
(lewm/planning/kernel_memory.py). What was taken is named by `kernel_path`, for records.
"""

import json
import os
import weakref
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from lewm.build import WorldModelModule
from lewm.config import ModelConfig
from lewm.model import LeWM
from lewm.planning.fastplan import FastImagination, worker_threads
from lewm.planning.fastplan_cuda import GraphImaginations
from lewm.planning.imagination import Imagination, PlainImagination
from lewm.planning.kernel_memory import remembered
from lewm.planning.linears import faster_library, make_linear_by, packing_works
from lewm.planning.packed import PackedPredictor
from lewm.planning.rowwise import CompiledRowwise, make_rowwise
from lewm.speedup import speedup

Precision = Literal["float32", "tf32", "bfloat16"]
Choice = Literal["measured", "plain", "packed"]
Prepared = Callable[[Tensor, Tensor], Imagination]
"""From latents (N, H, D) and z-scored past blocks (N, H - 1, K, A)."""

_SMALL_PREDICTOR = 1_000_000
"""Parameters below which the two are too close for a clock to tell them apart on a busy machine."""
_LONGEST_HISTORY = 16
"""Attention over more tokens is better left to torch."""
_GAIN_REQUIRED = 1.3
_TRIAL_SAMPLES, _TRIAL_HORIZON, _TRIAL_REPEATS = 32, 3, 3


class PlanKernels:
    """An `ImaginationFactory` (`lewm.planning.imagination`) that keeps what it prepared for models.

    It prepares anew for another model, and when a weight has changed; a change behind torch's back,
    through `tensor.data`, is not seen.
    """

    def __init__(
        self,
        *,
        num_threads: int | None = None,
        precision: Precision = "float32",
        choice: Choice = "measured",
    ) -> None:
        """Settings; nothing is computed before the first plan.

        Args:
            num_threads: cores to use; None for as many as torch is set to.
            precision: of the matrix products. `tf32` is for GPUs; `bfloat16` gives other plans.
            choice: `measured`, or the implementation to take.
        """
        self._num_threads = num_threads
        self._precision: Precision = precision
        self._choice: Choice = choice
        self._prepared: Prepared | None = None
        self._model: Callable[[], WorldModelModule | None] = lambda: None  # what it is prepared for
        self._state: tuple[tuple[int, int], ...] = ()
        self.kernel_path = "not chosen yet"
        """What the last imagination runs on."""

    def __call__(self, model: WorldModelModule, z: Tensor, past: Tensor) -> Imagination:
        """As `ImaginationFactory`."""
        return self._prepared_for(model)(z, past)

    def path_for(self, model: WorldModelModule) -> str:
        """What imaginations of this model run on; prepares them."""
        self._prepared_for(model)
        return self.kernel_path

    def _prepared_for(self, model: WorldModelModule) -> Prepared:
        state = tuple((t.data_ptr(), t._version) for t in model.state_dict().values())
        if self._prepared is None or self._model() is not model or self._state != state:
            self._prepared, self.kernel_path = self._prepare(model)
            self._model, self._state = weakref.ref(model), state
        return self._prepared

    def _prepare(self, model: WorldModelModule) -> tuple[Prepared, str]:
        def plain(z: Tensor, past: Tensor) -> Imagination:
            return PlainImagination(model, z, past)

        if self._choice == "plain" or not isinstance(model, LeWM):
            return plain, "plain"
        weights = model.predictor.pos_embedding
        if weights.device.type == "cuda":
            return GraphImaginations(model, self._precision), f"cuda graph, {self._precision}"
        measured = self._choice == "measured" and self._precision == "float32"
        if weights.device.type != "cpu" or (measured and not _may_be_packed(model)):
            return plain, "plain"
        num_threads = self._num_threads or torch.get_num_threads()
        packed, path = _pack(model, self._precision, num_threads)
        if measured and not _pays(packed, plain, model.config, num_threads):
            return plain, "plain"
        return packed, path


def _may_be_packed(model: LeWM) -> bool:
    config, predictor = model.config, model.predictor
    num_parameters = sum(parameter.numel() for parameter in predictor.parameters())
    return (
        num_parameters >= _SMALL_PREDICTOR
        and config.history <= _LONGEST_HISTORY
        and predictor.pos_embedding.dtype == torch.float32
    )


def _pack(model: LeWM, precision: Precision, num_threads: int) -> tuple[Prepared, str]:
    config = model.config
    width = config.predictor_width
    inner = config.predictor_heads * config.predictor_head_width
    one_core = worker_threads(num_threads, os.getpid())
    library = one_core.submit(faster_library, width, inner).result()
    if precision == "bfloat16" and packing_works():
        library = "onednn"
    rowwise = make_rowwise(config.predictor_heads)
    predictor = PackedPredictor(model, make_linear_by(library, precision), rowwise)

    def packed(z: Tensor, past: Tensor) -> Imagination:
        return FastImagination(predictor, z, past, num_threads=num_threads)

    rows = "compiled rows" if isinstance(rowwise, CompiledRowwise) else "torch rows"
    return packed, f"packed, {precision} by {library}, {rows}, {num_threads} threads"


def _pays(packed: Prepared, plain: Prepared, config: ModelConfig, num_threads: int) -> bool:
    """Whether `packed` is clearly faster, measured once per shape of model on a machine."""
    z = torch.zeros(1, 1, config.latent_width)
    past = torch.zeros(1, 0, config.block_size, config.action_width)
    shape = (1, _TRIAL_SAMPLES, _TRIAL_HORIZON, config.block_size, config.action_width)
    blocks = torch.zeros(shape)

    def imagine(prepared: Prepared) -> Tensor:
        return prepared(z, past)(blocks, every_step=False)

    def faster() -> str:
        with torch.no_grad():
            gain = speedup(lambda: imagine(plain), lambda: imagine(packed), repeats=_TRIAL_REPEATS)
        return "packed" if gain > _GAIN_REQUIRED else "plain"

    shown = json.dumps(config.to_json(), sort_keys=True)
    return remembered(f"imagine {shown}, {num_threads} threads", faster) == "packed"
