"""Horizon drift."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from envelope.records import CalibratedMonitor, Cell, Estimate, Measurement, Scalar
from perturbations import bootstrap, planning, rows
from perturbations.monitors import alarms
from perturbations.suite import Suite

if TYPE_CHECKING:
    from perturbations.bench import Bench

NAME = "horizon_drift"
JUMPS = "jumps"
"""What the cell about direct and composed jumps asks."""
_NEAR = 0.75
"""Share of the budget up to which a goal is near enough to be reached within it."""


class HorizonDrift(Suite):
    """How far ahead may one look before the imagined future leaves the real one?

    Why it matters: a planner trusts every step it imagines. Error that grows with the horizon
    becomes a confident plan for a world that is not there.

    Observes: `drift_ratio`, the squared error of a rollout over that of assuming that nothing
    moves, both summed over all windows of lawful episodes that the planner drove, or that were
    recorded: 0 is perfect, at 1 the model adds nothing. `success_by_offset`, closed-loop success
    by how many env steps separate start and goal, and `alarm_rate_by_offset` of every monitor; the
    budget is the planner's own up to three quarters of it, and in proportion beyond. Where a model
    jumps over several blocks at once, `self_consistency`: how far a jump ends from the same blocks
    in two jumps, squared and over that of assuming that nothing moves.

    Blind to: differences that the encoder discards, and actions unlike those that the planner
    carries out, such as the many it only imagines.
    """

    name = NAME
    family = "F7"

    def run(self, bench: "Bench") -> list[Cell]:
        """Open-loop cells, and one closed-loop cell per goal offset besides the nominal."""
        opened = [drift_cell(bench)]
        if getattr(bench.model, "self_consistency", None) is not None:
            opened.append(_jumps_cell(bench))
        if bench.recorded is not None:
            return opened
        planning.clean_cells(bench)  # the nominal offset
        return [*opened, *(_offset_cell(bench, offset) for offset in sorted(bench.offset_cases))]

    def summarise(
        self, cells: Sequence[Cell], monitors: Sequence[CalibratedMonitor], *, seed: int
    ) -> list[Measurement]:
        """See the class docstring."""
        own = rows.select(cells, NAME)
        drift = [cell for cell in own if "max_horizon" in cell.condition]
        offsets = [cell for cell in own if "goal_offset_env_steps" in cell.condition]
        found = [ratio for cell in drift for ratio in _ratios(cell, seed)]
        found += [_jumps(cell, seed) for cell in own if cell.condition.get("asks") == JUMPS]
        found += _by_offset(planning.clean_model_cells(cells), offsets)
        return found + [
            _alarms(cell, monitor) for cell in sorted(offsets, key=_offset) for monitor in monitors
        ]


def drift_cell(bench: "Bench") -> Cell:
    """Errors of rollouts over the scoring episodes, by episode and horizon."""
    condition: dict[str, Scalar] = {
        "max_horizon": bench.model_steps_per_episode,
        "block_size": bench.block_size,
    }
    key = bench.key(NAME, "model", condition, cases=bench.scoring.digest)
    return bench.runner.run(key, partial(_drift_rows, bench))


def _drift_rows(bench: "Bench") -> dict[str, list[Any]]:
    """Rows by episode: `error_h` and `still_h`, means over the windows of h model steps."""
    from perturbations import latents

    z = bench.scoring_latents  # (E, B+1, D)
    blocks = bench.lawful_scoring.blocks(bench.block_size)
    num, steps = blocks.shape[:2]
    error, still = np.zeros((2, num, steps))
    for begin in range(steps):
        z_hat = latents.rollout(bench.model, z[:, begin], blocks[:, begin:])
        reached = steps - begin
        error[:, :reached] += latents.squared_error(z_hat, z[:, begin + 1 :])
        still[:, :reached] += latents.squared_error(z[:, begin : begin + 1], z[:, begin + 1 :])
    num_windows = np.arange(steps, 0, -1)
    columns: dict[str, list[Any]] = {"episode": list(range(num))}
    for step in range(steps):
        columns[f"error_{step + 1}"] = (error[:, step] / num_windows[step]).tolist()
        columns[f"still_{step + 1}"] = (still[:, step] / num_windows[step]).tolist()
    return columns


def _jumps_cell(bench: "Bench") -> Cell:
    """How far direct and composed jumps end apart, from the first frame of each episode."""
    horizon = min(bench.planner.config.horizon, bench.model_steps_per_episode)
    condition: dict[str, Scalar] = {
        "asks": JUMPS,
        "horizon": horizon,
        "env_steps": horizon * bench.block_size,
    }

    def rows_of_jumps() -> dict[str, list[Any]]:
        from perturbations import latents

        z = bench.scoring_latents
        blocks = bench.lawful_scoring.blocks(bench.block_size)[:, :horizon]
        return {
            "episode": list(range(len(blocks))),
            "apart": latents.jumps_apart(bench.model, z[:, 0], blocks).tolist(),
            "still": latents.squared_error(z[:, 0], z[:, horizon]).tolist(),
        }

    key = bench.key(NAME, "model", condition, cases=bench.scoring.digest)
    return bench.runner.run(key, rows_of_jumps)


def _jumps(cell: Cell, seed: int) -> Measurement:
    problem, ratio = rows.trouble([cell]), None
    if not problem:
        apart, still = rows.numbers(cell, "apart"), rows.numbers(cell, "still")
        ratio = bootstrap.ratio_of_sums(apart, still, seed=seed)
    condition = {name: cell.condition[name] for name in ("horizon", "env_steps")}
    note = problem or ("" if ratio else "too few episodes, or the latent never moves")
    return rows.measurement(NAME, "self_consistency", condition, ratio, note=note)


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


def _ratios(cell: Cell, seed: int) -> list[Measurement]:
    problem = rows.trouble([cell])
    found = []
    for horizon in range(1, int(cell.condition["max_horizon"]) + 1):
        estimate = None
        if not problem:
            estimate = bootstrap.ratio_of_sums(
                rows.numbers(cell, f"error_{horizon}"),
                rows.numbers(cell, f"still_{horizon}"),
                seed=seed,
            )
        condition: dict[str, Scalar] = {
            "horizon": horizon,
            "env_steps": horizon * int(cell.condition["block_size"]),
        }
        note = problem or ("" if estimate else "too few episodes, or the latent never moves")
        found.append(rows.measurement(NAME, "drift_ratio", condition, estimate, note=note))
    return found


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
