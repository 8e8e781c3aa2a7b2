"""Violation of expectation."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from envelope.records import CalibratedMonitor, Cell, Measurement, Scalar
from perturbations.cells import rows
from perturbations.recorded import why_not
from perturbations.statistics import bootstrap, stats
from perturbations.suites.suite import Suite
from perturbations.thresholds.calibration import alarms, calibrated_floor, episode_columns

if TYPE_CHECKING:
    from perturbations.bench import Bench
    from perturbations.violations.clip import Clips

NAME = "voe"
_ORACLE_SHARE = 0.95
_MIN_CLIPS = 10


class ViolationOfExpectation(Suite):
    """Which violations does each monitor see, from which magnitude, how late, and which not?

    Why it matters: a monitor that is silent says either that all is well or that it cannot see
    what is wrong. The classes that it cannot see must be known before anybody relies on it, and
    stand beside its threshold.

    Observes: clips in which something impossible happens after a critical frame, each beside
    the same clip without it. `detection`, the share with an alarm after the event; `auroc`, the
    chance that an unlawful clip scores above a lawful one; `delay` in env steps from the event,
    which comes right after a frame, to the first alarm; `false_alarms` on held-out lawful
    episodes, `any_false_alarms` of all monitors together, and the `time_to_false_alarm` to expect;
    `floor_detection`, what a threshold on the mere change of pixels detects, and `beats_floor`, how
    much more a monitor does. A clip counts only if one who knows the true state could tell, and is
    missed if the same clip without the event raises an alarm as well.

    Blind to: classes that are not listed, two events in one clip, slow changes, and events of
    which the true state shows less than half of what moves in a lawful action block.
    """

    name = NAME
    family = "F5"

    def run(self, bench: "Bench") -> list[Cell]:
        """Held-out lawful episodes, then every violation at every magnitude."""
        from perturbations.violations.classes import find

        found = [_lawful_cell(bench)]
        for name, criterion in bench.criteria.violations.items():
            if why_not(bench, find(name)):
                continue
            found += [_clip_cell(bench, name, magnitude) for magnitude in criterion.magnitudes]
        return found

    def summarise(
        self, cells: Sequence[Cell], monitors: Sequence[CalibratedMonitor], *, seed: int
    ) -> list[Measurement]:
        """See the class docstring."""
        found = []
        own = rows.select(cells, NAME)
        lawful = [cell for cell in own if cell.condition.get("violation") == "none"]
        clips = [cell for cell in own if cell not in lawful]
        for monitor in monitors:
            for cell in lawful:
                found += [_false_alarms(cell, monitor), _time_to_false_alarm(cell, monitor)]
            for cell in clips:
                found += _sensitivity(cell, monitor, seed)
        if len(monitors) > 1:
            found += [_any_false_alarms(cell, monitors) for cell in lawful]
        floor = calibrated_floor(cells, monitors[0].false_alarms_per_episode) if monitors else None
        if floor:
            for cell in clips:
                found += _beside_the_floor(cell, floor, monitors)
        return found


def _lawful_cell(bench: "Bench") -> Cell:
    def lawful_rows() -> dict[str, list[Any]]:
        columns = episode_columns(bench.scoring_scores)
        num = len(bench.scoring)
        env_steps = bench.model_steps_per_episode * bench.block_size
        return {"episode": list(range(num)), "env_steps": [env_steps] * num, **columns}

    key = bench.key(NAME, "model", {"violation": "none"}, cases=bench.scoring.digest)
    return bench.runner.run(key, lawful_rows)


def _clip_cell(bench: "Bench", name: str, magnitude: float) -> Cell:
    from perturbations.violations.classes import find

    violation = find(name)
    condition: dict[str, Scalar] = {
        "violation": name,
        "kind": violation.kind,
        "magnitude": magnitude,
        "unit": violation.unit,
    }
    key = bench.key(NAME, "model", condition, cases=bench.scoring.digest)
    return bench.runner.run(key, partial(_clip_rows, bench, name, magnitude))


def _clip_rows(bench: "Bench", name: str, magnitude: float) -> dict[str, list[Any]]:
    """Rows of one class at one magnitude.

    Columns: episode, critical, kept, oracle, separation, block_size; by monitor `_lawful`, the
    largest score of the twin after the critical frame, and `_1`, `_2`, ..., the scores of the
    clip at the frames after it, None beyond its end. Scores are None where a clip is not kept.
    """
    from perturbations.violations.classes import find
    from perturbations.violations.clips import make_clips

    clips = make_clips(bench, find(name), magnitude)
    num, num_after = len(clips.kept), clips.num_frames - 1 - int(clips.critical.min())
    columns: dict[str, list[Any]] = {
        "episode": list(range(num)),
        "critical": clips.critical.tolist(),
        "kept": clips.kept.tolist(),
        "oracle": clips.oracle(bench.world).tolist(),
        "separation": clips.separation.tolist(),
        "block_size": [bench.block_size] * num,
    }
    if not clips.is_possible:
        columns["is_possible"] = [False] * num
    for monitor, (lawful, unlawful) in _clip_scores(bench, clips).items():
        twin: list[float | None] = [None] * num
        after: list[list[float | None]] = [[None] * num for _ in range(num_after)]
        for row in np.flatnonzero(clips.kept):
            after_event = slice(int(clips.critical[row]), int(clips.last[row]))
            twin[row] = float(lawful[row, after_event].max())
            for since, score in enumerate(unlawful[row, after_event]):
                after[since][row] = float(score)
        columns[f"{monitor}_lawful"] = twin
        columns.update({f"{monitor}_{since + 1}": after[since] for since in range(num_after)})
    return columns


def _clip_scores(
    bench: "Bench", clips: "Clips"
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Scores (E, B) of the lawful and the unlawful twin, by monitor."""
    from perturbations import latents

    if clips.violation.seeks_walls:
        seen = latents.encode(bench.eye, latents.clean(bench.world), clips.lawful, clips.seeds)
        lawful = bench.scores(seen, clips.actions)
    else:
        seen, lawful = bench.scoring_seen.clone(), bench.scoring_scores
    views = list(clips.after_the_event())
    frames = (clips.unlawful_frames(bench.world, time, rows) for rows, time in views)
    after = latents.encode_parts(bench.eye, frames)
    for (rows_seen, time), found in zip(views, after, strict=True):
        seen[rows_seen, time] = found
    unlawful = bench.scores(seen, clips.told)
    return {name: (lawful[name], unlawful[name]) for name in lawful}


def _false_alarms(cell: Cell, monitor: CalibratedMonitor) -> Measurement:
    condition: dict[str, Scalar] = {"monitor": monitor.name}
    problem = rows.trouble([cell])
    rate, note = (None, problem) if problem else rows.share(alarms(cell, monitor))
    return rows.measurement(NAME, "false_alarms", condition, rate, note=note)


def _any_false_alarms(cell: Cell, monitors: Sequence[CalibratedMonitor]) -> Measurement:
    """How often at least one of the monitors alarms: more often than each by itself."""
    condition: dict[str, Scalar] = {"monitors": ", ".join(one.name for one in monitors)}
    problem = rows.trouble([cell])
    rate, note = None, problem
    if not problem:
        rate, note = rows.share(np.any([alarms(cell, one) for one in monitors], axis=0))
    return rows.measurement(NAME, "any_false_alarms", condition, rate, note=note)


def _time_to_false_alarm(cell: Cell, monitor: CalibratedMonitor) -> Measurement:
    """Expected env steps until the first false alarm, one lawful episode after the other.

    The exact interval of the share of episodes with an alarm, turned over: an episode of T env
    steps with probability p of an alarm gives T / p, the end of the alarming episode included.
    Where no episode alarmed there is no upper end, and the note has the lower one.
    """
    condition: dict[str, Scalar] = {"monitor": monitor.name}
    problem = rows.trouble([cell])
    rate, note = (None, problem) if problem else rows.share(alarms(cell, monitor))
    time = None
    if rate is not None:
        length = float(rows.numbers(cell, "env_steps")[0])
        if rate.low > 0:
            time = rate.model_copy(
                update={
                    "value": length / rate.value,
                    "low": length / rate.high,
                    "high": length / rate.low,
                }
            )
        else:
            note = (
                f"no alarm in {rate.episodes} lawful episodes: at least {length / rate.high:.0f} "
                "env steps with 97.5 % confidence"
            )
    return rows.measurement(
        NAME, "time_to_false_alarm", condition, time, unit="env_steps", note=note
    )


def _beside_the_floor(
    cell: Cell, floor: CalibratedMonitor, monitors: Sequence[CalibratedMonitor]
) -> list[Measurement]:
    """What the floor detects, and how much more each monitor does on the same clips."""
    problem = trouble(cell)
    seen = None if problem else detected(cell, floor.name, floor.threshold)
    rate, note = (None, problem) if seen is None else rows.share(seen)
    found = [rows.measurement(NAME, "floor_detection", cell.condition, rate, note=note)]
    for monitor in monitors:
        more = None
        if seen is not None:
            more = stats.paired_difference(detected(cell, monitor.name, monitor.threshold), seen)
        condition: dict[str, Scalar] = {**cell.condition, "monitor": monitor.name}
        found.append(rows.measurement(NAME, "beats_floor", condition, more, note=note))
    return found


def _sensitivity(cell: Cell, monitor: CalibratedMonitor, seed: int) -> list[Measurement]:
    condition: dict[str, Scalar] = {**cell.condition, "monitor": monitor.name}
    problem = trouble(cell)
    if problem:
        return [
            rows.measurement(NAME, quantity, condition, None, unit=unit, note=problem)
            for quantity, unit in (("detection", "1"), ("auroc", "1"), ("delay", "env_steps"))
        ]
    scores, lawful = _scores(cell, monitor.name)
    alarm = scores > monitor.threshold  # gaps compare as no alarm
    without_event = lawful > monitor.threshold
    found = alarm.any(axis=1) & ~without_event
    rate, _ = rows.share(found)
    auroc = bootstrap.auroc(np.nanmax(scores, axis=1), lawful, seed=seed)
    block = float(rows.numbers(cell, "block_size")[0])
    delays = (alarm[found].argmax(axis=1) + 1) * block
    delay = bootstrap.median(delays, seed=seed) if len(delays) >= _MIN_CLIPS else None
    left_out = len(cell.rows["kept"]) - len(lawful)
    parts = [f"{left_out} of {len(cell.rows['kept'])} clips left out"] if left_out else []
    if without_event.any():
        parts.append(f"{int(without_event.sum())} lawful twins alarm too, counted as missed")
    note = "; ".join(parts)
    late = f"only {len(delays)} clips with an alarm" if delay is None else note
    return [
        rows.measurement(NAME, "detection", condition, rate, note=note),
        rows.measurement(NAME, "auroc", condition, auroc, note=note),
        rows.measurement(NAME, "delay", condition, delay, unit="env_steps", note=late),
    ]


def trouble(cell: Cell) -> str:
    """Why these clips can say nothing about a monitor; empty when they can."""
    return rows.trouble([cell]) or _unfit(cell)


def counted(cell: Cell) -> NDArray[np.int64]:
    """Episodes whose clips count, (N,): unlawful by enough, and known to be by the true state."""
    return np.flatnonzero(rows.outcomes(cell, "kept") & rows.outcomes(cell, "oracle"))


def detected(cell: Cell, monitor: str, threshold: float) -> NDArray[np.bool_]:
    """Whether the event raised an alarm in each clip that counts and its twin none, (N,)."""
    scores, lawful = _scores(cell, monitor)
    return np.asarray((scores > threshold).any(axis=1) & ~(lawful > threshold))


def _scores(cell: Cell, monitor: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of the clips that count: scores after the event, (N, frames), and the lawful twin's, (N,)."""
    kept = counted(cell)
    lawful = [cell.rows[f"{monitor}_lawful"][row] for row in kept]
    return _scores_after(cell, monitor)[kept], np.array(lawful, dtype=np.float64)


def _unfit(cell: Cell) -> str:
    kept, oracle = rows.outcomes(cell, "kept"), rows.outcomes(cell, "oracle")
    if "is_possible" in cell.rows:
        return "this cannot happen here: the world lacks what it changes, or a free place for it"
    if kept.sum() < _MIN_CLIPS:
        return f"{int(kept.sum())} of {len(kept)} clips are unlawful by enough, {_MIN_CLIPS} needed"
    share = float(oracle[kept].mean())
    if share < _ORACLE_SHARE:
        return f"one who knows the true state could tell in only {share:.0%} of the clips"
    return ""


def _scores_after(cell: Cell, monitor: str) -> NDArray[np.float64]:
    """Scores after the event, (N, frames), NaN beyond the end of a clip."""
    found: list[NDArray[np.float64]] = []
    while (column := cell.rows.get(f"{monitor}_{len(found) + 1}")) is not None:
        found.append(np.array(column, dtype=np.float64))  # None becomes NaN
    return np.stack(found, axis=1)
