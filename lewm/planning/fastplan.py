"""Imagining a planner's candidates as fast as a processor allows, to the same numbers.

Shapes in this module:
    N  cases            S  candidates      H  real frames, one model step apart
    T  model steps      K  env steps per action block
    A  action width     D  latent width    W  token width

What is saved, why it is exact and what it brings: docs/fast-planner.md.
"""

import math
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch
from torch import Tensor

from lewm.planning.imagination import one_way_only
from lewm.planning.packed import PackedPredictor, Window

_LARGEST_TILE = 150
"""Candidates whose activations still lie in a core's own cache, nearly."""


class FastImagination:
    """An `Imagination` (lewm/planning/imagination.py) in tiles of candidates, one thread each."""

    def __init__(
        self, predictor: PackedPredictor, z: Tensor, past: Tensor, *, num_threads: int
    ) -> None:
        """Latents z (N, H, D) of real frames and the z-scored blocks (N, H - 1, K, A) between."""
        self._predictor = predictor
        self._num_threads = num_threads
        with torch.no_grad():
            self._known = [torch.split(predictor.take_in(frames), 1) for frames in z]
            self._windows = [
                known_windows(predictor, known, blocks)
                for known, blocks in zip(self._known, past.flatten(start_dim=2), strict=True)
            ]

    def __call__(self, candidates: Tensor, *, every_step: bool) -> Tensor:
        """As `Imagination.__call__`."""
        num_cases, num_samples = candidates.shape[:2]
        num_tiles = math.ceil(num_samples / _LARGEST_TILE / self._num_threads) * self._num_threads
        tiles = [
            (case, tile)
            for case, blocks in enumerate(candidates)
            for tile in blocks.chunk(num_tiles)
        ]

        def imagine(tile: tuple[int, Tensor]) -> Tensor:
            case, blocks = tile
            with torch.no_grad():
                return imagine_rows(
                    self._predictor,
                    self._known[case],
                    self._windows[case],
                    blocks,
                    every_step=every_step,
                    earlier=_modulations_here(),
                )

        found = torch.cat(list(worker_threads(self._num_threads, os.getpid()).map(imagine, tiles)))
        return found.reshape(num_cases, num_samples, *found.shape[1:])

    def self_consistency(self, candidates: Tensor) -> Tensor:
        """As `Imagination.self_consistency`: this model imagines in one way only."""
        raise one_way_only()


def known_windows(
    predictor: PackedPredictor, known: tuple[Tensor, ...], past: Tensor
) -> dict[int, Window]:
    """The tokens that no candidate changes, for every window that begins with such.

    Positions restart in every window, so a token differs from window to window.

    Args:
        predictor: the packed predictor.
        known: tokens of H real frames, (R, W) each.
        past: z-scored blocks between them, flat, (H - 1, K * A); (R, H - 1, K * A) for R > 1 cases.

    Returns:
        Windows by the index of their first token.
    """
    num_past = len(known) - 1
    if not num_past:
        return {}
    blocks = past.reshape(-1, num_past, past.shape[-1]).transpose(0, 1)  # (H - 1, R, K * A)
    num_rows = blocks.shape[1]
    modulations = predictor.modulations(blocks.reshape(num_past * num_rows, -1))
    return {
        first: predictor.see(
            known[first:num_past], [part[first * num_rows :] for part in modulations]
        )
        for first in range(max(0, num_past + 1 - predictor.history), num_past)
    }


def imagine_rows(
    predictor: PackedPredictor,
    known: tuple[Tensor, ...],
    windows: dict[int, Window],
    blocks: Tensor,
    *,
    every_step: bool,
    earlier: list[Tensor] | None = None,
) -> Tensor:
    """Latents after z-scored blocks (S, T, K, A): the last ones, (S, D), or all, (S, T, D).

    `known` and `windows` have one row for all candidates or one for each. `earlier` keeps memory
    for the next call, see `PackedPredictor.modulations`.
    """
    num_samples, num_steps = blocks.shape[:2]
    flat = blocks.flatten(start_dim=2).transpose(0, 1).flatten(end_dim=1)  # (T * S, K * A)
    modulations = predictor.modulations(flat, earlier)
    if earlier is not None:
        earlier[:] = modulations
    tokens = list(known)
    now = len(tokens) - 1
    window: Window | None = None
    z_hat = []
    for last in range(now, now + num_steps):
        first = max(0, last + 1 - predictor.history)
        new = last
        if last == now or first > 0:  # not simply the window before and one more token
            new = max(first, now)
            window = windows.get(first)
        rows = slice((new - now) * num_samples, (last + 1 - now) * num_samples)
        latent, window = predictor.predict(
            tokens[new : last + 1],
            [part[rows] for part in modulations],
            window,
            keep=last + 2 <= predictor.history and last + 1 < now + num_steps,
        )
        z_hat.append(latent)
        tokens.append(predictor.take_in(latent))
    return torch.stack(z_hat, dim=1) if every_step else z_hat[-1]


_kept = threading.local()


def _modulations_here() -> list[Tensor]:
    """This thread's last modulations: the one allocation large enough to go back to the system."""
    if not hasattr(_kept, "modulations"):
        _kept.modulations = []
    kept: list[Tensor] = _kept.modulations
    return kept


@cache
def worker_threads(num_threads: int, process: int) -> ThreadPoolExecutor:
    """Threads that each compute on one core; `process` keeps a fork from waiting for its parent's.

    A thread per core instead of several threads per operation: no waiting for one another between
    operations, and a core keeps its tile in its own cache.
    """
    del process
    before = torch.get_num_threads()
    started = threading.Barrier(num_threads)

    def compute_alone() -> None:
        torch.get_num_threads()  # the first call in a thread takes over the process's setting
        torch.set_num_threads(1)
        started.wait()

    pool = ThreadPoolExecutor(num_threads, "lewm-plan", initializer=compute_alone)
    for task in [pool.submit(started.wait) for _ in range(num_threads)]:
        task.result()
    torch.set_num_threads(before)
    return pool
