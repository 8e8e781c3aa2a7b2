"""Nuisance shift."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from envelope.records import CalibratedMonitor, Cell, Estimate, Measurement, Scalar
from perturbations.cells import rows
from perturbations.statistics import bootstrap, stats
from perturbations.suites import planning
from perturbations.suites.joint import LOOP
from perturbations.suites.suite import Suite
from perturbations.thresholds import redraws
from perturbations.thresholds.calibration import alarms, episode_columns

if TYPE_CHECKING:
    from perturbations.bench import Bench
    from perturbations.closed_loop import ShiftedFrames
    from perturbations.nuisances.nuisance import FrameSeeds, Shift
    from perturbations.protocols import Frames, States

NAME = "nuisance_shift"


class NuisanceShift(Suite):
    """What does a nuisance do to planning, and does the monitor notice?

    Why it matters: a repainted wall can halve success while no alarm sounds. Nothing is broken
    then; the system is outside what anybody measured, and nobody can tell.

    Observes: in closed loop, `success`, `success_drop` from the clean world paired by case, and
    `closed_loop_alarm_rate`, with the nuisance on the current frame, the goal frame or both;
    `alarm_rate_of_redraws`, the median, least and most over other draws of the ensemble. In open
    loop at every strength, `alarm_rate` over lawful episodes seen under the nuisance, and
    `displacement`, how far a latent moves when the nuisance is put on, in units of how far it
    moves in one lawful action block. Where several classes leave success alone, `joint_success`,
    `joint_success_drop` and `joint_closed_loop_alarm_rate` with all of them drawn together inside
    a quarter of their ranges and at the ends of that, then, while success is kept, inside more.

    Blind to: nuisances that come and go within an episode, classes that are not listed, several
    at once on the goal frame, and success wherever the profile ran no closed loop. A shift on
    both frames can cancel in the cost, so it shows less than a shift on one.
    """

    name = NAME
    family = "F2"

    def run(self, bench: "Bench") -> list[Cell]:
        """Open loop at every strength, then the closed-loop cells that the profile affords."""
        from perturbations.suites import shift_plan

        shifts = shift_plan.open_loop(bench)
        opened = {shift: _open_cell(bench, shift) for shift in shifts}
        if bench.recorded is not None:
            return list(opened.values())
        clean = planning.clean_cells(bench)
        closed: dict[tuple[Shift, str], Cell] = {}

        def drop(shift: "Shift", frames: "ShiftedFrames") -> float:
            cell = _closed_cell(bench, shift, frames)
            closed[shift, frames] = cell
            return drop_seen(clean, cell)

        shift_plan.closed_loop(
            bench.profile,
            bench.criteria,
            shifts,
            lambda shift: displacement_seen(opened[shift]),
            drop,
        )
        apart = [*opened.values(), *closed.values()]
        return [*apart, *_joint_cells(bench, clean, apart)]

    def summarise(
        self, cells: Sequence[Cell], monitors: Sequence[CalibratedMonitor], *, seed: int
    ) -> list[Measurement]:
        """See the class docstring."""
        clean = planning.clean_model_cells(cells)
        found = []
        for cell in rows.select(cells, NAME, loop="open"):
            found += _open_summary(cell, monitors, seed)
        closed = rows.select(cells, NAME, loop="closed") + rows.select(cells, NAME, loop=LOOP)
        drops = [_drop(clean, cell) for cell in closed]
        adjusted = stats.holm([p for _, p, _ in drops])
        limits = redraws.thresholds(cells, monitors)
        for cell, (estimate, _, note), p_holm in zip(closed, drops, adjusted, strict=True):
            found += _closed_summary(cell, monitors, estimate, note, p_holm)
            if rates := redraws.alarm_rates(cell, limits):
                found.append(_of_redraws(cell, rates, len(limits)))
        return found


def _joint_cells(bench: "Bench", clean: Sequence[Cell], apart: Sequence[Cell]) -> list[Cell]:
    """All admitted classes at once, where there are several."""
    from perturbations.suites import admitted, joint

    box = admitted.box([*clean, *apart], bench.criteria)
    found: list[Cell] = []

    def is_kept(scale: float, amounts: joint.Amounts) -> bool:
        found.append(joint.joint_cell(bench, box, scale, amounts))
        return admitted.is_harmless(clean, found[-1], bench.criteria)

    joint.choose(box, is_kept)
    return found


def drop_seen(clean: Sequence[Cell], cell: Cell) -> float:
    """Share of the cases that a closed-loop cell lost; 1 where it cannot be paired."""
    before, _ = planning.paired_with(clean, cell, "success")
    return 1.0 if before is None else float(np.mean(before - rows.outcomes(cell)))


def displacement_seen(cell: Cell) -> float:
    """Median latent displacement in an open-loop cell; without end where it crashed."""
    if cell.status == "crashed":
        return float("inf")
    return float(np.median(rows.numbers(cell, "displacement")))


def _open_cell(bench: "Bench", shift: "Shift") -> Cell:
    num = min(bench.profile.num_nuisance_episodes, len(bench.scoring))
    condition: dict[str, Scalar] = {**shift.condition(), "loop": "open", "num_episodes": num}
    key = bench.key(NAME, "model", condition, cases=bench.scoring.digest)
    return bench.runner.run(key, partial(_open_rows, bench, shift, num))


def _open_rows(bench: "Bench", shift: "Shift", num: int) -> dict[str, list[Any]]:
    """Rows: episode, displacement and lawful (distances of latents), one score per monitor."""
    from perturbations import latents
    from perturbations.nuisances.classes import find

    def draw(states: "States", seeds: "FrameSeeds") -> "Frames":
        return find(shift.nuisance).render(
            bench.world, states, strength=shift.strength, direction=shift.direction, seeds=seeds
        )

    episodes = bench.lawful_scoring.first(num)
    z_clean = bench.scoring_latents[:num]
    seen = latents.encode(
        bench.eye, draw, episodes.block_states(bench.block_size), bench.episode_seeds(num)
    )
    z = bench.eye.split(seen).z
    scores = bench.scores(seen, episodes.blocks(bench.block_size))
    lawful = latents.distance(z_clean[:, 1:], z_clean[:, :-1])
    return {
        "episode": list(range(num)),
        "displacement": np.median(latents.distance(z, z_clean), axis=1).tolist(),
        "lawful": np.median(lawful, axis=1).tolist(),
        **episode_columns(scores),
    }


def _closed_cell(bench: "Bench", shift: "Shift", frames: "ShiftedFrames") -> Cell:
    from perturbations.closed_loop import Loop

    loop = Loop(
        arm="model",
        cases=bench.cases,
        streams=bench.streams_of_cases,
        budget_env_steps=bench.budget_env_steps,
        shift=shift,
        shifted_frames=frames,
    )
    key = bench.key(
        NAME,
        "model",
        {
            **shift.condition(),
            "frames": frames,
            "loop": "closed",
            "budget_env_steps": bench.budget_env_steps,
        },
        cases=bench.cases.digest,
        streams=tuple(range(bench.profile.num_streams)),
    )
    return bench.runner.run(key, partial(loop.run, bench))


def _drop(clean: Sequence[Cell], cell: Cell) -> tuple[Estimate | None, float, str]:
    before, problem = planning.paired_with(clean, cell, "success")
    if before is None:
        return None, 1.0, problem
    after = rows.outcomes(cell)
    if len(after) < 2:
        return None, 1.0, f"{len(after)} cases have no interval"
    return stats.paired_difference(before, after), stats.mcnemar(before, after), ""


_REPORTED = ("nuisance", "direction", "strength", "amount", "unit", "nominal", "frames")
_REPORTED_JOINTLY = ("amounts", "scale", "frames", "num_classes")


def _condition(cell: Cell, **more: Scalar) -> dict[str, Scalar]:
    keys = _REPORTED_JOINTLY if cell.condition.get("loop") == LOOP else _REPORTED
    return {**{k: cell.condition[k] for k in keys if k in cell.condition}, **more}


def _open_summary(
    cell: Cell, monitors: Sequence[CalibratedMonitor], seed: int
) -> list[Measurement]:
    problem = rows.trouble([cell])
    moved = None
    if not problem:
        moved = bootstrap.median_ratio(
            rows.numbers(cell, "displacement"), rows.numbers(cell, "lawful"), seed=seed
        )
    note = problem or ("" if moved else "too few episodes, or the latent does not move by itself")
    found = [rows.measurement(NAME, "displacement", _condition(cell), moved, note=note)]
    return found + [_alarm_rate("alarm_rate", cell, monitor) for monitor in monitors]


def _closed_summary(
    cell: Cell,
    monitors: Sequence[CalibratedMonitor],
    drop: Estimate | None,
    note: str,
    p_holm: float,
) -> list[Measurement]:
    problem = rows.trouble([cell])
    condition = _condition(cell)
    prefix = "joint_" if cell.condition.get("loop") == LOOP else ""
    success, too_few = (None, problem) if problem else rows.share(rows.outcomes(cell))
    return [
        rows.measurement(NAME, f"{prefix}success", condition, success, note=too_few),
        rows.measurement(
            NAME,
            f"{prefix}success_drop",
            condition,
            drop,
            p_holm=None if drop is None else p_holm,
            note=note or "exact McNemar, Holm over all closed-loop cells",
        ),
        *(_alarm_rate(f"{prefix}closed_loop_alarm_rate", cell, monitor) for monitor in monitors),
    ]


def _of_redraws(cell: Cell, rates: Estimate, num: int) -> Measurement:
    condition = _condition(cell, monitor=redraws.OF, num_redraws=num)
    return rows.measurement(
        NAME,
        "alarm_rate_of_redraws",
        condition,
        rates,
        note="other features and bootstrap samples, each with a threshold of its own",
    )


def _alarm_rate(quantity: str, cell: Cell, monitor: CalibratedMonitor) -> Measurement:
    condition = _condition(cell, monitor=monitor.name)
    problem = rows.trouble([cell])
    rate, note = (None, problem) if problem else rows.share(alarms(cell, monitor))
    return rows.measurement(NAME, quantity, condition, rate, note=note)
