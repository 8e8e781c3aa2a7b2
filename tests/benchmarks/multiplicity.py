"""How often does a claim over many cells err, when every cell lies exactly at its limit?

    python -m tests.benchmarks.multiplicity [--audits 1000] [--write]

Rows are drawn, summarised by the suites and judged by the claims, with the rule that chooses the
cells of each profile. At the limit a claim is true by a hair: failing it is a false fail; beyond
the limit by a hair holding it is a false hold. Cells are independent given the clean outcomes,
which is the worst case: what hits several cells alike lets fewer of them err apart. Bars: at most
5 % of the audits err, all claims of a line together; where each claim stands alone at most 3.5 % of
them, which is one side of a 95 % interval that may hold the truth in 93 % of audits. Leaves with
status 1 when a bar is missed.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from envelope.claims.drift import drift_claims
from envelope.claims.evidence import Evidence
from envelope.claims.monitors import monitor_claims
from envelope.claims.nuisance import Class, nuisance_claims, nuisance_classes
from envelope.claims.planner_ranges import planner_ranges
from envelope.claims.quiet import quiet_claims
from envelope.criteria import default_criteria
from envelope.records import Cell, Claim, Measurement, Measurements, Scalar
from perturbations.cells import rows
from perturbations.nuisances.nuisance import Shift
from perturbations.profiles import PROFILES, Profile
from perturbations.statistics import stats
from perturbations.suites import shift_plan
from perturbations.suites.horizon_drift import HorizonDrift
from perturbations.suites.nuisance_shift import NuisanceShift
from tests.benchmarks.kept import keep, made_with
from tests.envelope.builders import measurements, sha
from tests.envelope.builders.searching import pressed, run_with

CRITERIA = default_criteria()
BASE = measurements()
MONITORS = {one.name: one for one in BASE.monitors}
DIRECTIONS = {"background.color": 6, "background.gradient": 6, "agent.color": 6, "light.gain": 2}
DIRECTIONS |= {"camera.shift": 4}
_CLEAN, _LOST, _WON = 0.85, 0.15, 0.05
"""Clean success; of all cases, those that a nuisance at the limit loses and wins."""
_CORRECTED = ("nuisance_points", "quiet", "drift")
Rng = np.random.Generator


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    name: str
    errs: Callable[[Rng], tuple[int, int]]
    """Claims that erred in one simulated audit, and how many there were."""
    is_each: bool = False
    """Whether every claim has the error to itself, instead of all claims of the audit together."""
    audits: int = 1000

    @property
    def bar(self) -> float:
        """Largest share that may err."""
        return 0.035 if self.is_each else 0.05


# --- nuisances ----------------------------------------------------------------------------------


def shifted(
    rng: Rng, profile: Profile, truth: Callable[[float], float], alarms: float = 0.05
) -> Evidence:
    """What the closed-loop cells of a profile leave, by the drop that each strength truly costs."""
    num = profile.num_cases
    clean = rng.random(num) < _CLEAN
    streams = np.arange(num) % profile.num_streams
    own = [_clean_cell(stream, clean) for stream in range(profile.num_streams)]
    cells: list[Cell] = []

    def drop(shift: Shift, frames: str) -> float:
        solved = _outcomes(rng, clean, truth(shift.strength))
        cells.append(_cell(shift, frames, streams, solved, rng.random((2, num)) < alarms))
        return float(np.mean(clean.astype(float) - solved))

    shift_plan.closed_loop(profile, CRITERIA, _shifts(), lambda shift: 4 * shift.strength, drop)
    found = NuisanceShift().summarise([*own, *cells], BASE.monitors, seed=0)
    return _evidence([one for one in BASE.cells if one.suite == "planning"] + cells, found)


def _shifts() -> list[Shift]:
    return [
        Shift(name, f"way_{way}", strength, strength, "px", 0.0)
        for name, strengths in CRITERIA.nuisances.items()
        for way in range(DIRECTIONS.get(name, 1))
        for strength in strengths
    ]


def _outcomes(rng: Rng, clean: NDArray[np.bool_], drop: float) -> NDArray[np.bool_]:
    """Success of the same cases, lost and won so that the drop is the one asked for."""
    share = drop / (_LOST - _WON)
    lost = rng.random(len(clean)) < share * _LOST / _CLEAN
    won = rng.random(len(clean)) < share * _WON / (1 - _CLEAN)
    return np.where(clean, ~lost, won)


def _clean_cell(stream: int, solved: NDArray[np.bool_]) -> Cell:
    columns = {"case": list(range(len(solved))), "success": solved.tolist()}
    return _made("planning", {"stream": stream}, columns)


def _cell(
    shift: Shift,
    frames: str,
    streams: NDArray[np.int64],
    solved: NDArray[np.bool_],
    alarms: NDArray[np.bool_],
) -> Cell:
    columns = {"case": list(range(len(solved))), "stream": streams.tolist()}
    columns["success"] = solved.tolist()
    for name, alarm in zip(MONITORS, alarms, strict=True):
        columns[name] = (MONITORS[name].threshold + np.where(alarm, 1.0, -1.0)).tolist()
    return _made(
        "nuisance_shift", {**shift.condition(), "frames": frames, "loop": "closed"}, columns
    )


def _made(suite: str, condition: dict[str, Scalar], columns: dict[str, list[object]]) -> Cell:
    return Cell(
        id=sha(f"{suite} {condition}"),
        suite=suite,
        arm="model",
        condition=condition,
        cases=sha("cases"),
        status="done",
        rows=columns,
    )


def _evidence(cells: list[Cell], summaries: list[Measurement]) -> Evidence:
    kept = [one for one in BASE.summaries if one.suite == "planning"]
    return Evidence(_left(cells, [*kept, *summaries]))


def _left(cells: list[Cell], summaries: list[Measurement]) -> Measurements:
    plan = BASE.plan.model_copy(update={"goal_offsets_env_steps": []})
    return BASE.model_copy(update={"cells": cells, "summaries": summaries, "plan": plan})


def _classes(found: Evidence) -> dict[str, Class]:
    return nuisance_classes(found, CRITERIA, tuple(MONITORS))


def classes_fail(profile: Profile, drop: float) -> Callable[[Rng], tuple[int, int]]:
    """Classes that fail where every strength costs the same."""

    def errs(rng: Rng) -> tuple[int, int]:
        found = shifted(rng, profile, lambda _: drop)
        classes = _classes(found)
        claims = nuisance_claims(found, CRITERIA, classes)
        return _count([one for one in claims if one.id.partition(".")[2] in classes], "fails")

    return errs


def quiet_fails(profile: Profile) -> Callable[[Rng], tuple[int, int]]:
    """Monitors said to be loud that alarm exactly as often as they may, success untouched."""

    def errs(rng: Rng) -> tuple[int, int]:
        found = shifted(rng, profile, lambda _: 0.0, alarms=CRITERIA.max_nuisance_alarms)
        claims = quiet_claims(found, CRITERIA, _classes(found), tuple(MONITORS))
        return _count(claims, "fails")

    return errs


def too_much_admitted(profile: Profile, harmless_up_to: float) -> Callable[[Rng], tuple[int, int]]:
    """Classes that admit a strength whose drop is the limit, beyond strengths that cost less."""
    limit = CRITERIA.max_success_drop

    def errs(rng: Rng) -> tuple[int, int]:
        found = shifted(rng, profile, lambda s: 0.0 if s <= harmless_up_to else limit)
        classes = _classes(found).values()
        return sum(one.admitted.high > harmless_up_to for one in classes), len(list(classes))

    return errs


# --- other claims -------------------------------------------------------------------------------


def offsets_fail(profile: Profile) -> Callable[[Rng], tuple[int, int]]:
    """The claim about goal offsets, where success at each is exactly what is needed."""

    def errs(rng: Rng) -> tuple[int, int]:
        num = profile.num_cases
        cells = [
            _made(
                "horizon_drift",
                {"goal_offset_env_steps": offset, "budget_env_steps": 2 * offset},
                {
                    "case": list(range(num)),
                    "success": (rng.random(num) < CRITERIA.success_at_least).tolist(),
                },
            )
            for offset in profile.goal_offsets_env_steps
        ]
        found = HorizonDrift().summarise(cells, [], seed=0)
        clean = [one for one in BASE.cells if one.suite == "planning"]
        claims = drift_claims(_evidence([*clean, *cells], found), CRITERIA, BASE.planner_scope)
        return _count([one for one in claims if one.id == "drift.goal_offset"], "fails")

    return errs


def detections(profile: Profile, verdict: str) -> Callable[[Rng], tuple[int, int]]:
    """Detection claims of one monitor over all classes, each detected at exactly the rate."""

    def errs(rng: Rng) -> tuple[int, int]:
        truth = np.full(len(CRITERIA.violations), CRITERIA.detection_rate)
        return _count(_detected(rng, profile, truth), verdict)

    return errs


def detections_wrong(profile: Profile) -> Callable[[Rng], tuple[int, int]]:
    """The same, with rates that lie anywhere from 0.5 to 1."""

    def errs(rng: Rng) -> tuple[int, int]:
        truth = rng.uniform(0.5, 1.0, len(CRITERIA.violations))
        claims = _detected(rng, profile, truth)
        wrong = ["fails" if rate >= CRITERIA.detection_rate else "holds" for rate in truth]
        pairs = zip(claims, wrong, strict=True)
        return sum(one.verdict == verdict for one, verdict in pairs), len(claims)

    return errs


def _detected(rng: Rng, profile: Profile, truth: NDArray[np.float64]) -> list[Claim]:
    """One claim per class, in alphabetical order, detected at these rates."""
    num, (name, monitor) = profile.num_scoring_episodes, next(iter(MONITORS.items()))
    cells, found = [], []
    for (violation, one), rate in zip(sorted(CRITERIA.violations.items()), truth, strict=True):
        condition: dict[str, Scalar] = {
            "violation": violation,
            "magnitude": one.claim_at,
            "unit": one.unit,
        }
        seen, _ = rows.share(rng.random(num) < rate)
        cells.append(_made("voe", condition, {"episode": list(range(num))}))
        found.append(rows.measurement("voe", "detection", {**condition, "monitor": name}, seen))
    claims = monitor_claims(Evidence(_left(cells, found)), CRITERIA, {name: monitor})
    return [one for one in claims if not one.id.endswith(".false_alarms")]


def ranges_admit(profile: Profile) -> Callable[[Rng], tuple[int, int]]:
    """Sides of planner fields that admit a value whose drop of success is exactly the limit."""
    values: dict[str, dict[str, Scalar]] = {
        "num_samples_times_4": {"num_samples": 800},
        "num_samples_by_4": {"num_samples": 50},
        "iterations_times_3": {"iterations": 30},
        "iterations_by_2": {"iterations": 5},
        "budget_times_2": {"budget_env_steps": 100},
    }

    def errs(rng: Rng) -> tuple[int, int]:
        num, searches = profile.num_cases, []
        clean = rng.random(num) < 0.95
        for name, changed in values.items():
            solved = clean & (rng.random(num) >= CRITERIA.max_success_drop / 0.95)
            cell, said = pressed(name, **changed)
            change = stats.paired_difference(solved, clean)
            rate, _ = rows.share(solved)
            new = {"success": rate, "success_change": change}
            said = [
                one.model_copy(update={"estimate": new.get(one.quantity, one.estimate)})
                for one in said
            ]
            searches.append((cell, said))
        found = planner_ranges(
            Evidence(run_with(*searches)), CRITERIA, BASE.planner_scope, BASE.monitors
        )
        own = {"num_samples": 200, "iterations": 10, "conventions.budget_env_steps": 50}
        sides = [
            end != own[field]
            for field, one in found.by_field.items()
            if field in own
            for end in (one.low, one.high)
        ]
        return sum(sides), len(values)

    return errs


def _count(claims: list[Claim], verdict: str) -> tuple[int, int]:
    return sum(one.verdict == verdict for one in claims), len(claims)


# --- the table ----------------------------------------------------------------------------------


def _lines() -> Iterator[Line]:
    limit = CRITERIA.max_success_drop
    for name, audits in (("quick", 1000), ("standard", 500), ("deep", 60)):
        profile = PROFILES[name]  # type: ignore[index]
        yield Line(f"nuisance, no drop, {name}: fails", classes_fail(profile, 0.0), audits=audits)
        yield Line(
            f"nuisance, at the limit, {name}: fails",
            classes_fail(profile, limit),
            is_each=True,
            audits=audits,
        )
        yield Line(
            f"quiet, at the limit, {name}: fails", quiet_fails(profile), is_each=True, audits=audits
        )
        yield Line(
            f"nuisance, at the limit beyond strength 0.1, {name}: admits more",
            too_much_admitted(profile, 0.1),
            is_each=True,
            audits=audits,
        )
    for name in ("standard", "deep"):
        profile = PROFILES[name]  # type: ignore[index]
        yield Line(f"goal offsets, at the limit, {name}: fails", offsets_fail(profile))
    standard = PROFILES["standard"]
    for verdict in ("fails", "holds"):
        yield Line(
            f"detection, at the rate, standard: {verdict}",
            detections(standard, verdict),
            is_each=True,
        )
    yield Line("detection, at any rate, standard: wrong", detections_wrong(standard), is_each=True)
    yield Line(
        "planner ranges, at the limit, standard: admit", ranges_admit(standard), is_each=True
    )


LINES = tuple(_lines())


@contextmanager
def uncorrected() -> Iterator[None]:
    """Every cell judged by its own interval, as though it were the only one."""
    with ExitStack() as patches:
        for module in _CORRECTED:
            patches.enter_context(patch(f"envelope.claims.{module}.among", lambda one, num: one))
        yield


def simulate(line: Line, audits: int) -> tuple[float, float]:
    """Share of audits in which any claim errs, and of all claims that err."""
    rng = np.random.default_rng([1, *line.name.encode()])
    found = [line.errs(rng) for _ in range(audits)]
    return (
        float(np.mean([erred > 0 for erred, _ in found])),
        sum(erred for erred, _ in found) / sum(num for _, num in found),
    )


def main() -> int:
    """Print the table, keep it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--audits", type=int, default=1000)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    table = [
        "| claims, truth, profile: error | audits | any errs | each errs | bar | "
        "uncorrected: any | each |",
        "|---|---|---|---|---|---|---|",
    ]
    missed = []
    for line in LINES:
        audits = min(line.audits, given.audits)
        with uncorrected():
            before = simulate(line, audits)
        any_errs, each_errs = simulate(line, audits)
        judged = each_errs if line.is_each else any_errs
        if judged > line.bar:
            missed.append(f"{line.name}: {judged:.1%}, at most {line.bar:.1%} wanted")
        bar = f"{line.bar:.1%} of {'claims' if line.is_each else 'audits'}"
        table.append(
            f"| {line.name} | {audits} | {any_errs:.1%} | {each_errs:.2%} | {bar} | "
            f"{before[0]:.1%} | {before[1]:.2%} |"
        )
        print(table[-1], flush=True)
    verdict = "Every bar is met." if not missed else "Missed: " + "; ".join(missed)
    text = "\n".join([made_with("tests.benchmarks.multiplicity"), "", *table, "", verdict])
    print(text)
    if given.write:
        keep("multiplicity", text)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
