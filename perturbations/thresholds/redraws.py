"""How much of what the ensemble says of a nuisance hangs on its draw.

Its features and bootstrap samples are random. The monitor that a deployment runs is the one draw
that was measured, so its alarm rate is no statement about ensembles; a few other draws beside it,
each with a threshold of its own, show a reader how far the rate might have lain.

Shapes in this module:
    E  episodes     B  model steps
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from envelope.records import CalibratedMonitor, Cell, Estimate
from perturbations.cells.rows import numbers
from perturbations.monitors.kinds import SUITE, Disagreement
from perturbations.statistics.stats import conformal_threshold

if TYPE_CHECKING:
    from perturbations.bench import Bench
    from perturbations.latents import Seen

OF = Disagreement.name
"""The monitor that is drawn again."""


def scores(
    bench: "Bench", seen: "Seen", blocks: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Scores (E, B) of every other draw, by the name of its column."""
    return {
        f"{OF}~{number}": Disagreement(ensemble).scores(seen, blocks)
        for number, ensemble in enumerate(bench.ensembles[1:], start=1)
    }


def thresholds(cells: Sequence[Cell], monitors: Sequence[CalibratedMonitor]) -> Mapping[str, float]:
    """The threshold of every draw, set as that of the monitor; none where there is no such one."""
    calibrated = [one for one in monitors if one.name == OF]
    found = [one for one in cells if one.suite == SUITE and one.status == "done"]
    if not calibrated or not found:
        return {}
    rate = calibrated[0].false_alarms_per_episode
    drawn = [name for name in found[0].rows if name.startswith(f"{OF}~")]
    return {name: conformal_threshold(numbers(found[0], name), rate) for name in drawn}


def alarm_rates(cell: Cell, limits: Mapping[str, float]) -> Estimate | None:
    """Median share of the episodes of a cell with an alarm over the draws, least and most."""
    if not limits or any(name not in cell.rows for name in limits):
        return None
    num_episodes = len(next(iter(cell.rows.values())))
    if num_episodes < 2:
        return None
    rates = [float((numbers(cell, name) > limit).mean()) for name, limit in limits.items()]
    return Estimate(
        value=float(np.median(rates)),
        low=min(rates),
        high=max(rates),
        episodes=num_episodes,
        interval="counted",
        seed=0,
    )
