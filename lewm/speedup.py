"""How much faster is one way of computing than another? Measured, never read off a name."""

import time
from collections.abc import Callable


def speedup(usual: Callable[[], object], other: Callable[[], object], *, repeats: int = 8) -> float:
    """Seconds of `usual` over those of `other`, the shortest of so many runs each, in turns."""
    shortest = [float("inf"), float("inf")]
    for _ in range(repeats):
        for way, run in enumerate((usual, other)):
            started = time.perf_counter()
            run()
            shortest[way] = min(shortest[way], time.perf_counter() - started)
    return shortest[0] / shortest[1]
