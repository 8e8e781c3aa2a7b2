"""Action statistics of a data set in files, computed once and kept beside it."""

from collections.abc import Callable
from pathlib import Path

from lewm.data.sidecar import Sidecar
from lewm.data.windows import ActionStats

_NAME = "action_stats"


def stored_action_stats(path: Path, compute: Callable[[], ActionStats]) -> ActionStats:
    """The statistics kept for the data as they are now, or computed and then kept."""
    sidecar = Sidecar(path)
    kept = sidecar.get(_NAME)
    try:
        return ActionStats(tuple(kept["mean"]), tuple(kept["std"]), count=int(kept["count"]))
    except (TypeError, KeyError, ValueError):
        stats = compute()
    sidecar.put(_NAME, {"mean": list(stats.mean), "std": list(stats.std), "count": stats.count})
    return stats
