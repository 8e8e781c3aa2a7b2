"""Imagining a planner's candidates on a GPU: one recorded graph per shape, replayed per iteration.

Shapes in this module:
    N  cases            S  candidates      H  real frames, one model step apart
    T  model steps      K  env steps per action block
    A  action width     D  latent width    W  token width

The recording has not yet run on a GPU (docs/fast-planner.md). What it records, `imagine_rows` with
a row per case and candidate, is tested on processors.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from lewm.model import LeWM
from lewm.planning.fastplan import imagine_rows, known_windows
from lewm.planning.imagination import one_way_only
from lewm.planning.linears import make_linear_by
from lewm.planning.packed import PackedPredictor, Seen, Window
from lewm.planning.rowwise import TorchRowwise


@dataclass(frozen=True)
class Moment:
    """What candidates start from: tokens of real frames, and the windows that begin with them.

    One row per case, or one per case and candidate.
    """

    known: tuple[Tensor, ...]
    windows: dict[int, Window]

    def map(self, change: Callable[[Tensor], Tensor]) -> "Moment":
        """The moment with every tensor changed."""

        def changed(seen: Seen) -> Seen:
            keys, values = map(change, seen.keys), map(change, seen.values)
            return Seen(change(seen.first), tuple(keys), tuple(values))

        windows = {first: [changed(seen) for seen in w] for first, w in self.windows.items()}
        return Moment(tuple(map(change, self.known)), windows)

    def for_candidates(self, num_samples: int) -> "Moment":
        """A row per case and candidate."""
        return self.map(lambda rows: rows.repeat_interleave(num_samples, dim=0))

    def tensors(self) -> Iterator[Tensor]:
        """All tensors, in an order that depends on the shapes alone."""
        yield from self.known
        for window in self.windows.values():
            for seen in window:
                yield from (seen.first, *seen.keys, *seen.values)


class GraphImaginations:
    """Makes imaginations for one frozen model and keeps its graphs, one per shape."""

    def __init__(self, model: LeWM, precision: str) -> None:
        rowwise = TorchRowwise(model.config.predictor_heads)
        self.predictor = PackedPredictor(model, make_linear_by("torch", precision), rowwise)
        self.tf32 = precision == "tf32"
        self.graphs: dict[tuple[torch.Size, int, bool], _Graph] = {}

    def __call__(self, z: Tensor, past: Tensor) -> "GraphImagination":
        """Latents z (N, H, D) of real frames and the z-scored blocks (N, H - 1, K, A) between."""
        return GraphImagination(self, z, past)


class GraphImagination:
    """An `Imagination` (lewm/planning/imagination.py) that replays a graph."""

    def __init__(self, owner: GraphImaginations, z: Tensor, past: Tensor) -> None:
        self._owner = owner
        with torch.no_grad(), _matrix_products(tf32=owner.tf32):
            known = tuple(owner.predictor.take_in(frames) for frames in z.unbind(dim=1))
            windows = known_windows(owner.predictor, known, past.flatten(start_dim=2))
        self._moment = Moment(known, windows)

    @torch.no_grad()
    def __call__(self, candidates: Tensor, *, every_step: bool) -> Tensor:
        """As `Imagination.__call__`."""
        num_cases, num_samples = candidates.shape[:2]
        graphs = self._owner.graphs
        key = (candidates.shape, len(self._moment.known), every_step)
        rows = candidates.flatten(end_dim=1)
        if key not in graphs:
            with _matrix_products(tf32=self._owner.tf32):
                graphs[key] = _Graph(self._owner.predictor, self._moment, rows, every_step)
        found = graphs[key].replay(self._moment, rows)
        return found.reshape(num_cases, num_samples, *found.shape[1:])

    def self_consistency(self, candidates: Tensor) -> Tensor:
        """As `Imagination.self_consistency`: this model imagines in one way only."""
        raise one_way_only()


class _Graph:
    """`imagine_rows` recorded for one shape, with inputs and output at fixed addresses."""

    def __init__(
        self, predictor: PackedPredictor, moment: Moment, rows: Tensor, every_step: bool
    ) -> None:
        self._loaded, self._rows = moment, rows.clone()
        self._num_samples = len(rows) // len(moment.known[0])
        self._moment = moment.for_candidates(self._num_samples)

        def imagine() -> Tensor:
            known, windows = self._moment.known, self._moment.windows
            return imagine_rows(predictor, known, windows, self._rows, every_step=every_step)

        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            imagine()  # libraries set themselves up outside the recording
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._found = imagine()

    def replay(self, moment: Moment, rows: Tensor) -> Tensor:
        """The latents for these inputs, in memory of their own."""
        if moment is not self._loaded:
            self._loaded, now = moment, moment.for_candidates(self._num_samples)
            for target, source in zip(self._moment.tensors(), now.tensors(), strict=True):
                target.copy_(source)
        self._rows.copy_(rows)
        self._graph.replay()
        return self._found.clone()


@contextmanager
def _matrix_products(*, tf32: bool) -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
