"""Planning in the clean world."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from envelope.records import CalibratedMonitor, Cell, Estimate, Measurement, Scalar
from perturbations.cells import rows
from perturbations.statistics import bootstrap, stats
from perturbations.suites.suite import Suite

if TYPE_CHECKING:
    from perturbations.bench import Bench
    from perturbations.cells.runner import CellKey
    from perturbations.closed_loop import Arm

NAME = "planning"
REFERENCES: tuple["Arm", ...] = ("random", "untrained_twin", "true_dynamics")
_FLOORS: tuple["Arm", ...] = ("random", "untrained_twin")
ONE_PER_CASE = "one_per_case"
"""Value of `streams` in the condition of a cell whose cases are spread over the streams."""


class Planning(Suite):
    """Does the planner reach its goals with this model, and how much of that is the model's doing?

    Why it matters: every other claim is about keeping this one. A success rate by itself says
    little: random actions solve some cases, an untrained network more, and in a hard world even
    the true dynamics do not solve all.

    Observes: `success` in closed loop on the same cases for the model, random actions, an
    untrained twin and the true dynamics under the same planner; `success_by_stream`, the same by
    the planner's random stream; `success_gain` over each floor, paired by case;
    `share_of_ceiling`; `alarm_rate`, how often a monitor alarms though nothing is wrong. A case
    is the unit; with several streams its success is the mean over them.

    Blind to: goals farther away than those drawn, starts that the recording policy never visits,
    and other planners.
    """

    name = NAME
    family = "base"
    needs_simulator = True

    def run(self, bench: "Bench") -> list[Cell]:
        """The model's cells by stream, and one cell per reference."""
        return [*clean_cells(bench), *(_reference_cell(bench, arm) for arm in REFERENCES)]

    def summarise(
        self, cells: Sequence[Cell], monitors: Sequence[CalibratedMonitor], *, seed: int
    ) -> list[Measurement]:
        """See the class docstring."""
        model = clean_model_cells(cells)
        problem = rows.trouble(model) or _too_few(model)
        arms = {arm: _of_arm(cells, arm) for arm in REFERENCES}
        found = [_model_success(model, problem, seed)]
        found += [_rate("success", {"arm": arm}, cell) for arm, cell in arms.items()]
        found += [
            _rate("success_by_stream", {"stream": cell.condition["stream"]}, [cell])
            for cell in model
        ]
        found += _gains(model, problem, arms)
        found.append(_share_of_ceiling(model, problem, arms["true_dynamics"], seed))
        found += [_alarm_rate(model, problem, monitor) for monitor in monitors]
        return found


def clean_cells(bench: "Bench") -> list[Cell]:
    """The model on the clean world, one cell per planner stream."""
    from perturbations.closed_loop import Loop

    found = []
    for stream, key in enumerate(_clean_keys(bench)):
        loop = Loop(
            arm="model",
            cases=bench.cases,
            streams=np.full(len(bench.cases), stream),
            budget_env_steps=bench.budget_env_steps,
        )
        found.append(bench.runner.run(key, partial(loop.run, bench)))
    return found


def kept_clean_cells(bench: "Bench") -> list[Cell]:
    """The same where all of them came to their end before; otherwise none, and none runs."""
    kept = all(bench.runner.has(key) for key in _clean_keys(bench))
    return clean_cells(bench) if kept else []


def _clean_keys(bench: "Bench") -> list["CellKey"]:
    """By planner stream."""
    return [
        bench.key(
            NAME,
            "model",
            {"stream": stream, **_about_cases(bench)},
            cases=bench.cases.digest,
            streams=(stream,),
        )
        for stream in range(bench.profile.num_streams)
    ]


def paired_with(
    model: Sequence[Cell], other: Cell, column: str
) -> tuple[NDArray[np.float64] | None, str]:
    """A column of the clean cells, case by case from the stream that `other` ran the case with.

    Returns:
        (N,), or None and why the two cannot be paired.
    """
    problem = rows.trouble(model) or rows.trouble([other])
    if problem:
        return None, problem
    by_stream = {float(cell.condition["stream"]): rows.numbers(cell, column) for cell in model}
    streams = rows.numbers(other, "stream").tolist()
    missing = sorted(set(streams) - set(by_stream))
    if missing:
        return None, f"the clean arm has no planner stream {missing[0]:g}"
    if any(len(found) != len(streams) for found in by_stream.values()):
        return None, f"the clean arm has other cases than {other.condition}"
    return np.array([by_stream[stream][case] for case, stream in enumerate(streams)]), ""


def one_per_case(model: Sequence[Cell], column: str) -> NDArray[np.float64]:
    """A column of the clean cells, (N,): of case i the row of stream i modulo their number."""
    table = np.stack([rows.numbers(cell, column) for cell in model])  # (streams, N)
    every = np.arange(table.shape[1])
    return np.asarray(table[every % len(model), every])


def clean_model_cells(cells: Sequence[Cell]) -> list[Cell]:
    """The model's clean cells among all cells, ordered by stream."""
    found = [cell for cell in _of_arm(cells, "model") if "stream" in cell.condition]
    return sorted(found, key=lambda cell: int(cell.condition["stream"]))


def _reference_cell(bench: "Bench", arm: "Arm") -> Cell:
    from perturbations.closed_loop import Loop

    loop = Loop(
        arm=arm,
        cases=bench.cases,
        streams=bench.streams_of_cases,
        budget_env_steps=bench.budget_env_steps,
    )
    condition: dict[str, Scalar] = {"streams": ONE_PER_CASE, **_about_cases(bench)}
    rests_on: tuple[str, ...] = ("model", "world", "planner")
    if arm == "random":  # it does not search: all it has of the planner is how often it draws anew
        condition["execute_blocks"] = bench.planner.config.execute_blocks
        condition["block_size"] = bench.block_size
        rests_on = ("world",)
    key = bench.key(
        NAME,
        arm,
        condition,
        cases=bench.cases.digest,
        streams=tuple(range(bench.profile.num_streams)),
        rests_on=rests_on,
    )
    return bench.runner.run(key, partial(loop.run, bench))


def _about_cases(bench: "Bench") -> dict[str, Scalar]:
    return {
        "goal_offset_env_steps": bench.cases.goal_offset_env_steps,
        "budget_env_steps": bench.budget_env_steps,
        "num_solved_dropped": bench.cases.num_solved_dropped,
    }


def _of_arm(cells: Sequence[Cell], arm: str) -> list[Cell]:
    return [cell for cell in rows.select(cells, NAME) if cell.arm == arm]


def _model_success(model: Sequence[Cell], problem: str, seed: int) -> Measurement:
    condition: dict[str, Scalar] = {"arm": "model"}
    if problem:
        return rows.measurement(NAME, "success", condition, None, note=problem)
    if len(model) == 1:
        return _rate("success", condition, model)
    estimate = bootstrap.mean_share(_mean_over_streams(model), seed=seed)
    return rows.measurement(NAME, "success", condition, estimate, note=_dropped(model[0]))


def _too_few(model: Sequence[Cell]) -> str:
    num = len(rows.outcomes(model[0], "success"))
    return "" if num >= 2 else f"{num} cases have no interval"


def _mean_over_streams(model: Sequence[Cell]) -> NDArray[np.float64]:
    return np.asarray(np.mean([rows.outcomes(cell) for cell in model], axis=0))


def _rate(quantity: str, condition: dict[str, Scalar], cells: Sequence[Cell]) -> Measurement:
    problem = rows.trouble(cells)
    if problem:
        return rows.measurement(NAME, quantity, condition, None, note=problem)
    estimate, note = rows.share(rows.outcomes(cells[0]))
    return rows.measurement(NAME, quantity, condition, estimate, note=note or _dropped(cells[0]))


def _gains(
    model: Sequence[Cell], problem: str, arms: Mapping["Arm", Sequence[Cell]]
) -> list[Measurement]:
    """Paired differences on the stream that each case keeps; one family of two comparisons."""
    estimates: list[tuple[Arm, Estimate | None, float, str]] = []
    for floor in _FLOORS:
        ours, trouble, theirs = _pair(model, problem, arms[floor])
        if ours is None:
            estimates.append((floor, None, 1.0, trouble))
        else:
            p = stats.mcnemar(ours, theirs)
            estimates.append((floor, stats.paired_difference(ours, theirs), p, ""))
    adjusted = stats.holm([p for _, _, p, _ in estimates])
    return [
        rows.measurement(
            NAME,
            "success_gain",
            {"over": floor},
            estimate,
            p_holm=None if estimate is None else p_holm,
            note=note or "exact McNemar, Holm over both floors",
        )
        for (floor, estimate, _, note), p_holm in zip(estimates, adjusted, strict=True)
    ]


def _pair(
    model: Sequence[Cell], problem: str, reference: Sequence[Cell]
) -> tuple[NDArray[np.float64] | None, str, NDArray[np.float64]]:
    trouble = problem or rows.trouble(reference)
    if trouble:
        return None, trouble, np.empty(0)
    ours, trouble = paired_with(model, reference[0], "success")
    return ours, trouble, rows.numbers(reference[0], "success")


def _share_of_ceiling(
    model: Sequence[Cell], problem: str, ceiling: Sequence[Cell], seed: int
) -> Measurement:
    paired, trouble, reached = _pair(model, problem, ceiling)
    if paired is None:
        return rows.measurement(NAME, "share_of_ceiling", {}, None, note=trouble)
    estimate = bootstrap.share_of(_mean_over_streams(model), reached, seed=seed)
    note = "" if estimate else "too few cases, or the true dynamics solve almost none"
    return rows.measurement(NAME, "share_of_ceiling", {}, estimate, note=note)


def _alarm_rate(model: Sequence[Cell], problem: str, monitor: CalibratedMonitor) -> Measurement:
    condition: dict[str, Scalar] = {"monitor": monitor.name}
    if problem:
        return rows.measurement(NAME, "alarm_rate", condition, None, note=problem)
    estimate, note = rows.share(one_per_case(model, monitor.name) > monitor.threshold)
    return rows.measurement(NAME, "alarm_rate", condition, estimate, note=note)


def _dropped(cell: Cell) -> str:
    number = int(cell.condition.get("num_solved_dropped", 0))
    return f"{number} pairs solved at the start were left out" if number else ""
