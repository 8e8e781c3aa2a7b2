"""Batches read ahead of the one that trains."""

import contextlib
import queue
import threading
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lewm.data.windows import Windows

_DEPTH = 2
_POLL_SECONDS = 0.1


def prefetched(
    windows: Windows, batches: Iterable[NDArray[np.int64]], *, depth: int = _DEPTH
) -> Iterator[tuple[Tensor, Tensor]]:
    """`windows.read` of each batch of indices, in order, up to `depth` of them ahead.

    One thread reads, so the order and the values are those without it. `batches` is consumed
    ahead of what is given out: a caller that must resume counts what it was given.

    Args:
        windows: what to read from; nobody else may read from it meanwhile.
        batches: indices of each batch.
        depth: batches that wait at most.

    Yields:
        frames, uint8, (B, F, H, W, 3), and normalized action blocks, (B, F - 1, K, A).

    Raises:
        Exception: what reading raised, where that batch would have come.
    """
    ready: queue.Queue[tuple[Tensor, Tensor] | BaseException | None] = queue.Queue(depth)
    stopped = threading.Event()

    def offer(item: tuple[Tensor, Tensor] | BaseException | None) -> None:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                ready.put(item, timeout=_POLL_SECONDS)
                return

    def work() -> None:
        try:
            for indices in batches:
                offer(windows.read(indices))
                if stopped.is_set():
                    return
            offer(None)
        except BaseException as error:
            offer(error)

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()
