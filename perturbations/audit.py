"""The whole audit: calibrate, run the suites, show what was shown; summaries from rows alone."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from envelope.errors import EnvelopeError
from envelope.records import (
    CalibratedMonitor,
    Cell,
    Criteria,
    Measurement,
    NotMeasured,
    Picture,
    Plan,
    SuiteText,
)
from perturbations.cells import rows
from perturbations.cells.runner import crash_message
from perturbations.monitors.kinds import SUITE as MONITORS
from perturbations.recorded import left_out as recorded_left_out
from perturbations.suites.cost import Cost
from perturbations.suites.exploitation import Exploitation
from perturbations.suites.horizon_drift import HorizonDrift
from perturbations.suites.nuisance_shift import NuisanceShift
from perturbations.suites.planning import Planning
from perturbations.suites.representation import Representation
from perturbations.suites.suite import Suite
from perturbations.suites.voe import ViolationOfExpectation
from perturbations.suites.worst_case import WorstCase
from perturbations.thresholds import calibration

if TYPE_CHECKING:
    from perturbations.bench import Bench

SUITES: Mapping[str, Suite] = {
    suite.name: suite
    for suite in (
        Planning(),
        Representation(),
        Cost(),
        NuisanceShift(),
        WorstCase(),
        ViolationOfExpectation(),
        HorizonDrift(),
        Exploitation(),
    )
}
"""Every suite by name, in the order in which they run."""


class Audit(NamedTuple):
    """What a run leaves."""

    cells: list[Cell]
    monitors: list[CalibratedMonitor]
    pictures: list[Picture]
    not_measured: list[NotMeasured]


def plan(bench: "Bench", suites: Sequence[str] = tuple(SUITES)) -> Plan:
    """What is going to be measured, to be written down before the first cell runs.

    Its criteria have no strength of a nuisance that changes nothing in this world.

    Raises:
        EnvelopeError: an unknown suite, or criteria with classes or units that do not exist here.
    """
    from perturbations.violations.classes import check_criteria

    check_criteria(bench.criteria)
    return Plan(
        profile=bench.profile.name,
        seed=bench.seed,
        suites=[_find(name).name for name in suites],
        num_cases=len(bench.cases),
        num_streams=bench.profile.num_streams,
        num_calibration_episodes=len(bench.calibration),
        num_scoring_episodes=len(bench.scoring),
        criteria=bench.criteria.model_copy(update={"nuisances": bench.telling_strengths}),
        recorded=bench.recorded,
        goal_offsets_env_steps=_goal_offsets(bench, suites),
    )


def _goal_offsets(bench: "Bench", suites: Sequence[str]) -> list[int]:
    is_run = bench.recorded is None and HorizonDrift.name in suites
    return list(bench.profile.goal_offsets_env_steps) if is_run else []


def run(bench: "Bench", suites: Sequence[str] = tuple(SUITES)) -> Audit:
    """Run the suites through the bench's runner; finished cells are reused.

    Raises:
        EnvelopeError: as `plan`.
    """
    planned = plan(bench, suites)
    cells = [calibration.calibration_cell(bench)]
    for name in runnable(bench, planned.suites):
        cells += SUITES[name].run(bench)
    cells = list({cell.id: cell for cell in cells}.values())
    found, missing = monitors_from(cells, bench.criteria)
    if bench.recorded is not None:
        missing += recorded_left_out(bench, planned.suites)
    elif NuisanceShift.name in planned.suites:
        missing += _nuisances_left_out(bench, cells)
    if NuisanceShift.name in planned.suites:
        missing += _strengths_left_out(bench)
    pictures, without = _pictures(bench, planned, cells)
    return Audit(cells, found, pictures, missing + without)


def monitors_from(
    cells: Sequence[Cell], criteria: Criteria
) -> tuple[list[CalibratedMonitor], list[NotMeasured]]:
    """Thresholds from the calibration rows: pure. Without thresholds, says why not."""
    settle = "calibrate on more episodes, or state a higher rate of false alarms"
    try:
        scored = rows.select(cells, MONITORS, episodes="calibration")
        problem = rows.trouble(scored)
        if not problem:
            rate = criteria.false_alarms_per_episode
            found = calibration.calibrate(scored[0], rate)
            return found, calibration.left_out(scored[0])
    except EnvelopeError as error:
        problem, settle = error.problem, error.next_step
    return [], [NotMeasured(what="alarms of every monitor", reason=problem, settle=settle)]


def summarise(
    cells: Sequence[Cell], monitors: Sequence[CalibratedMonitor], plan: Plan
) -> list[Measurement]:
    """Every summary from the rows: a pure function, no model, no torch.

    A planned suite without a cell gives no measurement; whoever judges finds it in the plan.
    """
    found = []
    for name in _without_simulator(plan.suites) if plan.recorded else plan.suites:
        found += _find(name).summarise(cells, monitors, seed=plan.seed)
    return found


def runnable(bench: "Bench", suites: Sequence[str]) -> tuple[str, ...]:
    """Those of the suites that this bench can run; recorded episodes are no simulator."""
    return _without_simulator(suites) if bench.recorded is not None else tuple(suites)


def _without_simulator(suites: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in suites if not _find(name).needs_simulator)


def texts(suites: Sequence[str] = tuple(SUITES)) -> list[SuiteText]:
    """The four parts of each suite's docstring."""
    return [type(_find(name)).text() for name in suites]


def _find(name: str) -> Suite:
    if name not in SUITES:
        raise EnvelopeError(
            f"no suite is called {name!r}; there are {', '.join(SUITES)}",
            next_step="choose among them",
        )
    return SUITES[name]


def _pictures(
    bench: "Bench", planned: Plan, cells: Sequence[Cell]
) -> tuple[list[Picture], list[NotMeasured]]:
    """Pictures, or why there are none: what cannot be shown must not take the rows with it."""
    from perturbations.pictures.shown import film_strips, nuisance_pictures

    found: list[Picture] = []
    try:
        if NuisanceShift.name in planned.suites:
            found += nuisance_pictures(bench, _closed_loop_directions(cells))
        if ViolationOfExpectation.name in planned.suites:
            found += film_strips(bench)
    except Exception as error:
        missing = NotMeasured(
            what="some pictures",
            reason=crash_message(error),
            settle="repair what crashed and measure again",
        )
        return found, [missing]
    return found, []


def _closed_loop_directions(cells: Sequence[Cell]) -> dict[str, str]:
    return {
        str(cell.condition["nuisance"]): str(cell.condition["direction"])
        for cell in rows.select(cells, NuisanceShift.name, loop="closed")
    }


def _strengths_left_out(bench: "Bench") -> list[NotMeasured]:
    """Strengths of the criteria that come to nothing here, or to what a weaker one shows."""
    from perturbations.nuisances.classes import find

    found = []
    for name, strengths in bench.criteria.nuisances.items():
        for strength in sorted(set(strengths) - set(bench.telling_strengths[name])):
            way = find(name).directions(bench.world)[0]
            shift = find(name).shift(bench.world, way, strength)
            found.append(
                NotMeasured(
                    what=f"{name} at strength {strength:g}",
                    reason=f"it rounds to {shift.amount:g} {shift.unit} here, "
                    + (
                        "which changes nothing"
                        if shift.amount == shift.nominal
                        else "as a weaker strength does"
                    ),
                    settle="state a higher strength in the criteria, or measure on larger frames",
                )
            )
    return found


def _why_not_shown(nuisance: str, world: Any) -> str:
    from perturbations.nuisances.factor_classes import PREFIX, appearance

    if nuisance.removeprefix(PREFIX) in appearance(world):
        return f"in {world.name}, as it is set up here, it changes no picture, or hides the agent"
    return f"{world.name} has no factor of variation for it"


def _nuisances_left_out(bench: "Bench", cells: Sequence[Cell]) -> list[NotMeasured]:
    """Classes that the world cannot show, and those that ran in open loop only."""
    from perturbations.nuisances.classes import find

    closed = _closed_loop_directions(cells)
    found = []
    for name in bench.criteria.nuisances:
        if not find(name).directions(bench.world):
            found.append(
                NotMeasured(
                    what=f"{name} in any form",
                    reason=_why_not_shown(name, bench.world),
                    settle="measure in a world that can show it",
                )
            )
        elif name not in closed:
            found.append(
                NotMeasured(
                    what=f"success under {name}",
                    reason=f"the {bench.profile.name} profile ran it in open loop only",
                    settle="measure with the standard profile",
                )
            )
    return found
