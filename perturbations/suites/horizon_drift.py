"""Horizon drift."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from envelope.records import CalibratedMonitor, Cell, Estimate, Measurement, Scalar
from perturbations.cells import rows
from perturbations.statistics import bootstrap
from perturbations.suites import planning
from perturbations.suites.suite import Suite
from perturbations.thresholds.calibration import alarms

if TYPE_CHECKING:
    from perturbations.bench import Bench

NAME = "horizon_drift"
JUMPS = "jumps"
"""What the cell about direct and composed jumps asks."""
BLOCK_BY_BLOCK = "block_by_block"
"""What the cell about rollouts of one jump per block asks."""
PROBES = "probes"
"""What the cell about errors in the world's units asks."""
RANKING = "ranking"
"""What the cell about the order of candidates asks."""
NUM_RANKED = 32
"""Cases at most whose candidates are ranked."""
_NUM_CANDIDATES = 16
_SECONDARY = "secondary: what can be read out, not what a planner can use"
_NEAR = 0.75
"""Share of the budget up to which a goal is near enough to be reached within it."""


class HorizonDrift(Suite):
    """How far ahead may one look before the imagined future leaves the real one?

    Why it matters: a planner trusts every step it imagines. Error that grows with the horizon
    becomes a confident plan for a world that is not there.

    Observes: `drift_ratio`, the squared error of a rollout over that of assuming that nothing
    moves, both summed over all windows of lawful episodes that the planner drove, or that were
    recorded: 0 is perfect, at 1 the model adds nothing. `linear_probe_error` and
    `mlp_probe_error`, root mean squared distance in the world's units between what a probe, fitted
    on other states, reads out of the imagined latents and what is so, over the same windows; at
    horizon 0 out of real frames, the least a probe can do; `still_error`, how far the world itself
    moved. `action_rank`, mean rank correlation of imagined cost with the distance that the true
    dynamics leave to the goal, over 16 action sequences that the planner carried out elsewhere;
    `action_rank_seen`, at the planner's horizon, the same of the latents that really follow, which
    is what the encoder leaves to a perfect imagination.
    `success_by_offset`, closed-loop success by how many env steps separate start and goal, and
    `alarm_rate_by_offset` of every monitor; the budget is the planner's own up to three quarters of
    it, and in proportion beyond. Where a model jumps over several blocks at once,
    `self_consistency`, how far a jump ends from the same blocks in two jumps, squared and over that
    of assuming that nothing moves, and `drift_ratio_block_by_block`, the same env steps composed of
    one jump per block.

    Blind to: differences that the encoder discards, and actions unlike those that the planner
    carries out, such as the many it only imagines. Env steps and compositions apart from each
    other, unless the model jumps: a model step is one block of as many env steps as it was trained
    with. A probe error decides nothing here: a model whose place is read worse may plan better.
    """

    name = NAME
    family = "F7"

    def run(self, bench: "Bench") -> list[Cell]:
        """Open-loop cells, and one closed-loop cell per goal offset besides the nominal."""
        opened = [drift_cell(bench)]
        if bench.has_true_states:
            opened.append(_probes_cell(bench))
        if getattr(bench.model, "self_consistency", None) is not None:
            opened += [_jumps_cell(bench), _block_by_block_cell(bench)]
        if bench.recorded is not None:
            return opened
        opened.append(_ranking_cell(bench))
        planning.clean_cells(bench)  # the nominal offset
        return [*opened, *(_offset_cell(bench, offset) for offset in sorted(bench.offset_cases))]

    def summarise(
        self, cells: Sequence[Cell], monitors: Sequence[CalibratedMonitor], *, seed: int
    ) -> list[Measurement]:
        """See the class docstring."""
        own = rows.select(cells, NAME)
        found = [one for cell in own for one in _open_loop(cell, seed)]
        offsets = [cell for cell in own if "goal_offset_env_steps" in cell.condition]
        found += _by_offset(planning.clean_model_cells(cells), offsets)
        return found + [
            _alarms(cell, monitor) for cell in sorted(offsets, key=_offset) for monitor in monitors
        ]


# --- cells --------------------------------------------------------------------------------------


def drift_cell(bench: "Bench") -> Cell:
    """Errors of rollouts over the scoring episodes, by episode and horizon."""
    from perturbations.suites import drift_rows

    return _scored(bench, _reach(bench), partial(drift_rows.errors, bench))


def _probes_cell(bench: "Bench") -> Cell:
    """Errors of what probes read, in the world's units, by episode and horizon."""
    from perturbations.suites import drift_rows

    read = drift_rows.quantities(bench)
    condition: dict[str, Scalar] = {
        "asks": PROBES,
        **_reach(bench),
        "num_states": bench.profile.num_states,
        "quantities": ",".join(read),
        "unit": getattr(bench.world, "length_unit", "world"),
    }
    return _scored(bench, condition, partial(drift_rows.probe_errors, bench, read))


def _jumps_cell(bench: "Bench") -> Cell:
    """How far direct and composed jumps end apart, from the first frame of each episode."""
    from perturbations.suites import drift_rows

    horizon = min(bench.planner.config.horizon, bench.model_steps_per_episode)
    condition: dict[str, Scalar] = {
        "asks": JUMPS,
        "horizon": horizon,
        "env_steps": horizon * bench.block_size,
    }
    return _scored(bench, condition, partial(drift_rows.jumps, bench, horizon))


def _block_by_block_cell(bench: "Bench") -> Cell:
    """As `drift_cell`, of one jump per block."""
    from perturbations.suites import drift_rows

    condition: dict[str, Scalar] = {"asks": BLOCK_BY_BLOCK, **_reach(bench)}
    return _scored(bench, condition, partial(drift_rows.errors_block_by_block, bench))


def _ranking_cell(bench: "Bench") -> Cell:
    """How imagined cost orders candidates, by case and horizon."""
    from perturbations.suites import drift_rows

    seen_at = min(bench.planner.config.horizon, bench.model_steps_per_episode)
    condition: dict[str, Scalar] = {"asks": RANKING, **_reach(bench), "seen_at": seen_at}
    key = bench.key(NAME, "model", condition, cases=bench.cases.digest)
    ranks = partial(drift_rows.ranks, bench, NUM_RANKED, _NUM_CANDIDATES, seen_at=seen_at)
    return bench.runner.run(key, ranks)


def _reach(bench: "Bench") -> dict[str, Scalar]:
    return {"max_horizon": bench.model_steps_per_episode, "block_size": bench.block_size}


def _scored(
    bench: "Bench", condition: Mapping[str, Scalar], fn: Callable[[], Mapping[str, list[Any]]]
) -> Cell:
    key = bench.key(NAME, "model", condition, cases=bench.scoring.digest)
    return bench.runner.run(key, fn)


def _offset_cell(bench: "Bench", offset: int) -> Cell:
    from perturbations.closed_loop import Loop

    cases = bench.offset_cases[offset]
    loop = Loop(
        arm="model",
        cases=cases,
        streams=np.arange(len(cases)) % bench.profile.num_streams,
        budget_env_steps=_budget(bench, offset),
    )
    key = bench.key(
        NAME,
        "model",
        {"goal_offset_env_steps": offset, "budget_env_steps": loop.budget_env_steps},
        cases=cases.digest,
        streams=tuple(range(bench.profile.num_streams)),
    )
    return bench.runner.run(key, partial(loop.run, bench))


def _budget(bench: "Bench", offset: int) -> int:
    """Env steps for goals so far away: the planner's own number while that leaves some to spare."""
    own = bench.budget_env_steps
    if offset <= _NEAR * own:
        return own
    return max(own, round(own * offset / bench.cases.goal_offset_env_steps))


# --- summaries ----------------------------------------------------------------------------------


def _open_loop(cell: Cell, seed: int) -> list[Measurement]:
    asks = cell.condition.get("asks")
    if asks is not None:
        return _SUMMARIES[str(asks)](cell, seed)
    return _ratios("drift_ratio", cell, seed) if "max_horizon" in cell.condition else []


def _ratios(quantity: str, cell: Cell, seed: int) -> list[Measurement]:
    problem = rows.trouble([cell])
    found = []
    for horizon, condition in _horizons(cell):
        estimate = None
        if not problem:
            estimate = bootstrap.ratio_of_sums(
                rows.numbers(cell, f"error_{horizon}"),
                rows.numbers(cell, f"still_{horizon}"),
                seed=seed,
            )
        note = problem or ("" if estimate else "too few episodes, or the latent never moves")
        found.append(rows.measurement(NAME, quantity, condition, estimate, note=note))
    return found


def _horizons(cell: Cell, first: int = 1) -> list[tuple[int, dict[str, Scalar]]]:
    """Every horizon of a cell, and the condition that names it."""
    block = int(cell.condition["block_size"])
    return [
        (horizon, {"horizon": horizon, "env_steps": horizon * block})
        for horizon in range(first, int(cell.condition["max_horizon"]) + 1)
    ]


def _jumps(cell: Cell, seed: int) -> list[Measurement]:
    problem, ratio = rows.trouble([cell]), None
    if not problem:
        apart, still = rows.numbers(cell, "apart"), rows.numbers(cell, "still")
        ratio = bootstrap.ratio_of_sums(apart, still, seed=seed)
    condition = {name: cell.condition[name] for name in ("horizon", "env_steps")}
    note = problem or ("" if ratio else "too few episodes, or the latent never moves")
    return [rows.measurement(NAME, "self_consistency", condition, ratio, note=note)]


def _probe_errors(cell: Cell, seed: int) -> list[Measurement]:
    problem, unit = rows.trouble([cell]), str(cell.condition["unit"])
    found = []
    for i, name in enumerate(str(cell.condition["quantities"]).split(",")):
        for series, first in (("linear", 0), ("mlp", 0), ("still", 1)):
            quantity = "still_error" if series == "still" else f"{series}_probe_error"
            for horizon, at in _horizons(cell, first):
                root = None
                if not problem:
                    root = _root_mean(rows.numbers(cell, f"{series}_{i}_{horizon}"), seed)
                note = problem or (_SECONDARY if root else "")
                condition: dict[str, Scalar] = {"of": name, **at}
                found.append(
                    rows.measurement(NAME, quantity, condition, root, unit=unit, note=note)
                )
    return found


def _root_mean(squares: NDArray[np.float64], seed: int) -> Estimate | None:
    mean = bootstrap.ratio_of_sums(squares, np.ones(len(squares)), seed=seed)
    if mean is None:
        return None
    ends = {end: math.sqrt(max(getattr(mean, end), 0.0)) for end in ("value", "low", "high")}
    return mean.model_copy(update=ends)


def _ranking(cell: Cell, seed: int) -> list[Measurement]:
    seen_at = int(cell.condition["seen_at"])
    asked = [("action_rank", f"rank_{horizon}", at) for horizon, at in _horizons(cell)]
    asked.append(("action_rank_seen", "rank_seen", dict(_horizons(cell))[seen_at]))
    problem = rows.trouble([cell])
    found = []
    for quantity, column, condition in asked:
        mean = None
        if not problem:
            rank = rows.numbers(cell, column)
            mean = bootstrap.ratio_of_sums(rank, np.ones(len(rank)), seed=seed)
        found.append(rows.measurement(NAME, quantity, condition, mean, note=problem))
    return found


_SUMMARIES: Mapping[str, Callable[[Cell, int], list[Measurement]]] = {
    JUMPS: _jumps,
    BLOCK_BY_BLOCK: partial(_ratios, "drift_ratio_block_by_block"),
    PROBES: _probe_errors,
    RANKING: _ranking,
}


def _offset(cell: Cell) -> int:
    return int(cell.condition["goal_offset_env_steps"])


def _alarms(cell: Cell, monitor: CalibratedMonitor) -> Measurement:
    if not (problem := rows.trouble([cell])) and monitor.name not in cell.rows:
        problem = f"{monitor.name} did not watch"
    rate, note = (None, problem) if problem else rows.share(alarms(cell, monitor))
    condition: dict[str, Scalar] = {
        "goal_offset_env_steps": _offset(cell),
        "monitor": monitor.name,
    }
    return rows.measurement(NAME, "alarm_rate_by_offset", condition, rate, note=note)


def _by_offset(clean: Sequence[Cell], offsets: Sequence[Cell]) -> list[Measurement]:
    found: dict[int, tuple[Estimate | None, str]] = {}
    for cell in offsets:
        problem = rows.trouble([cell])
        offset = _offset(cell)
        found[offset] = (None, problem) if problem else rows.share(rows.outcomes(cell))
    if clean:
        problem = rows.trouble(clean)
        nominal = int(clean[0].condition["goal_offset_env_steps"])
        solved = None if problem else planning.one_per_case(clean, "success") > 0
        found[nominal] = (None, problem) if solved is None else rows.share(solved)
    return [
        rows.measurement(
            NAME, "success_by_offset", {"goal_offset_env_steps": offset}, estimate, note=note
        )
        for offset, (estimate, note) in sorted(found.items())
    ]
