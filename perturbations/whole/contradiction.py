"""Are these the cells that the plan called for, each with all of its rows?

A summary follows from its rows whatever rows there are: cases that were taken out of every cell, or
a cell that was taken out with its summary, leave no trace in it. They do in the plan. A suite of
which nothing is left needs no look here, for its claims are unknown.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from envelope.records import Cell, Plan
from perturbations.asked import NUM_COUNTED, TOKENS
from perturbations.cells import rows
from perturbations.monitors.kinds import SUITE as CALIBRATION
from perturbations.nuisances.nuisance import Shift
from perturbations.profiles import Profile
from perturbations.suites import planning
from perturbations.suites.cost import NAME as COSTED
from perturbations.suites.horizon_drift import NAME as DRIFT
from perturbations.suites.horizon_drift import NUM_RANKED, RANKING
from perturbations.suites.joint import LOOP as JOINT
from perturbations.suites.nuisance_shift import NAME as SHIFTED
from perturbations.suites.nuisance_shift import displacement_seen, drop_seen
from perturbations.suites.representation import NAME as REPRESENTED
from perturbations.suites.representation import SLOW_STATES, STEADY_FRAMES
from perturbations.suites.searches import NAME as EXPLOITED
from perturbations.suites.searches import changes_menus
from perturbations.suites.shift_plan import closed_loop
from perturbations.suites.voe import NAME as VIOLATIONS
from perturbations.thresholds.calibration import RECORDING
from perturbations.whole.box import joint_trouble, worst_case_trouble
from perturbations.whole.parts import missing_part

_SUITES = (CALIBRATION, planning.NAME, REPRESENTED, SHIFTED, VIOLATIONS, DRIFT, EXPLOITED, COSTED)
_COUNTED = {"frame": "frame", "plan": "episode", "tokens": "tokens"}
"""What cells about the cost ask, and the column that counts their rows."""
_ASKED_OF_STATES = ("cloud", "pairs", "steady")
_ASKED_OF_EPISODES = ("actions", "straightness")
_OFFSET = "goal_offset_env_steps"
_CLOSED = ("closed", JOINT)


def contradiction(cells: Sequence[Cell], plan: Plan, profile: Profile) -> str:
    """What the cells lack, or have too much of, to be those of the plan; empty when all is well.

    Args:
        cells: of one run.
        plan: as written down before the first of them.
        profile: the one that the plan names.
    """
    known = [cell for cell in cells if cell.suite in _SUITES]
    if plan.recorded is not None:
        profile = replace(profile, num_states=plan.recorded.num_states)
    return (
        _twice(known)
        or next(filter(None, (_row_trouble(cell, plan, profile) for cell in known)), "")
        or _mixed(known)
        or missing_part(known, plan)
        or _driven_otherwise(known, plan)
        or _unplanned_shifts(known, plan, profile)
        or _unplanned_offsets(known, plan, profile)
        or _unasked(known, plan)
        or _unplanned_searches(known, profile)
        or worst_case_trouble(cells, plan, profile)
    )


def _twice(cells: Iterable[Cell]) -> str:
    counted = Counter(cell.id for cell in cells)
    twice = [cell_id for cell_id, number in counted.items() if number > 1]
    return f"two cells have the id {twice[0]}" if twice else ""


def _row_trouble(cell: Cell, plan: Plan, profile: Profile) -> str:
    if cell.status == "crashed" or not any(cell.rows.values()):
        return ""
    if cell.suite == COSTED and cell.condition.get("asks") == "tokens":
        if cell.rows.get("tokens") == list(TOKENS):
            return ""
        return f"{_name(cell)} has no row for each of {', '.join(map(str, TOKENS))} tokens a frame"
    column, planned = _rows_planned(cell, plan, profile)
    if cell.rows.get(column) == list(range(planned)):
        return ""
    found = len(cell.rows.get(column, []))
    return (
        f"{_name(cell)} has {found} rows that are not {column} 0 to {planned - 1}, "
        f"of which the plan has {planned}"
    )


def _rows_planned(cell: Cell, plan: Plan, profile: Profile) -> tuple[str, int]:
    """Name of the column that counts the rows, and their number."""
    if cell.suite == CALIBRATION:
        return "episode", plan.num_calibration_episodes
    if cell.suite == COSTED:
        counted = _COUNTED.get(str(cell.condition.get("asks")), "episode")
        return counted, min(NUM_COUNTED, plan.num_scoring_episodes)
    if cell.suite == REPRESENTED and cell.condition.get("asks") not in _ASKED_OF_EPISODES:
        return "state", _states_planned(str(cell.condition.get("asks")), profile)
    if cell.suite == EXPLOITED and cell.condition.get("loop") != "closed":
        most = profile.num_menu_cases
        if "pressure" in cell.condition:
            most = min(most, profile.num_changed_menu_cases)
        return "case", min(most, plan.num_cases)
    if cell.suite == planning.NAME or cell.condition.get("loop") in _CLOSED:
        return "case", plan.num_cases
    if cell.suite == DRIFT and _OFFSET in cell.condition:
        return "case", plan.num_cases
    if cell.suite == DRIFT and cell.condition.get("asks") == RANKING:
        return "case", min(NUM_RANKED, plan.num_cases)
    if cell.suite == SHIFTED:
        return "episode", int(cell.condition.get("num_episodes", plan.num_scoring_episodes))
    return "episode", plan.num_scoring_episodes


def _states_planned(asks: str, profile: Profile) -> int:
    """Rows about independent states; those of pairs count by their first state."""
    most = {"pairs": profile.num_states // 2, "steady": STEADY_FRAMES, "slow_features": SLOW_STATES}
    return min(most.get(asks, profile.num_states), profile.num_states)


def _driven_otherwise(cells: Iterable[Cell], plan: Plan) -> str:
    """Thresholds of recorded episodes that pass for those of driven ones, or the reverse."""
    for cell in cells:
        is_recorded = cell.condition.get("driven_by") == RECORDING
        if cell.suite == CALIBRATION and is_recorded != (plan.recorded is not None):
            return "the plan does not say who drove the calibration episodes"
    return ""


def _mixed(cells: Iterable[Cell]) -> str:
    """Whether cells that have to share their cases do not, or calibration ones were scored."""
    digests: dict[str, set[str]] = {
        "calibration": set(),
        "scoring": set(),
        "closed loop": set(),
        "states": set(),
        "slow features": set(),
    }
    for cell in cells:
        if cell.suite == CALIBRATION:
            digests["calibration"].add(cell.cases)
        elif (
            cell.suite == planning.NAME
            or cell.condition.get("loop") in _CLOSED
            or cell.condition.get("asks") == RANKING
        ):
            digests["closed loop"].add(cell.cases)
        elif cell.condition.get("asks") in _ASKED_OF_STATES:
            digests["states"].add(cell.cases)
        elif cell.condition.get("asks") == "slow_features":
            digests["slow features"].add(cell.cases)
        elif _OFFSET not in cell.condition and cell.condition.get("asks") != "menus":
            digests["scoring"].add(cell.cases)
    for name, found in digests.items():
        if len(found) > 1:
            return f"the {name} cells rest on {len(found)} sets of cases, and have to share one"
    if digests["calibration"] & digests["scoring"]:
        return "the thresholds were set on the episodes that they are judged on"
    return ""


class _NotThereError(Exception):
    """A cell that the rule calls for is not there."""


def _unplanned_shifts(cells: Sequence[Cell], plan: Plan, profile: Profile) -> str:
    """Follow the rule that chose the closed-loop cells again, over the rows it went by."""
    clean = planning.clean_model_cells(cells)
    own = rows.select(cells, SHIFTED)
    if not own or rows.trouble(clean):
        return ""
    opened = {_shift(cell): cell for cell in own if cell.condition.get("loop") == "open"}
    closed = {
        (_shift(cell), str(cell.condition.get("frames"))): cell
        for cell in own
        if cell.condition.get("loop") == "closed"
    }
    if absent := _open_loop_gap(opened, plan):
        return absent
    called: set[tuple[Shift, str]] = set()

    def drop(shift: Shift, frames: str) -> float:
        if (shift, frames) not in closed:
            raise _NotThereError(
                f"{shift.nuisance} at strength {shift.strength:g} ({shift.direction}, {frames} "
                "frame) had to run in closed loop, and there is no such cell"
            )
        called.add((shift, frames))
        return drop_seen(clean, closed[shift, frames])

    try:
        closed_loop(
            profile,
            plan.criteria,
            list(opened),
            lambda shift: displacement_seen(opened[shift]),
            drop,
        )
    except _NotThereError as error:
        return str(error)
    uncalled = [cell for key, cell in closed.items() if key not in called]
    if uncalled:
        return f"{_name(uncalled[0])} was not called for by the rule of the plan"
    return joint_trouble(cells, plan)


def _open_loop_gap(opened: Iterable[Shift], plan: Plan) -> str:
    """A strength of a direction that was shown at others; directions are the world's to know."""
    shown = {(shift.nuisance, shift.direction, shift.strength) for shift in opened}
    for nuisance, direction in sorted({key[:2] for key in shown}):
        for strength in plan.criteria.nuisances.get(nuisance, []):
            if (nuisance, direction, strength) not in shown:
                return f"{nuisance} ({direction}) was not shown at strength {strength:g}"
    return ""


def _unplanned_offsets(cells: Sequence[Cell], plan: Plan, profile: Profile) -> str:
    if plan.recorded is not None:
        return ""
    own = rows.select(cells, DRIFT)
    found = {cell.condition[_OFFSET] for cell in own if _OFFSET in cell.condition}
    if own and found != set(profile.goal_offsets_env_steps):
        return (
            f"goal offsets {sorted(map(str, found))} were run in closed loop, the profile "
            f"{profile.name} has {list(profile.goal_offsets_env_steps)}"
        )
    return ""


def _unasked(cells: Sequence[Cell], plan: Plan) -> str:
    """A question that every profile asks, or a class that was not asked about."""
    counted = rows.select(cells, COSTED)
    about = {cell.condition.get("asks") for cell in counted}
    if counted and (absent := [name for name in _COUNTED if name not in about]):
        return f"the suite {COSTED} has no cell that asks about {absent[0]}"
    own = rows.select(cells, REPRESENTED)
    if not own:
        return ""
    asked = {cell.condition.get("asks") for cell in own}
    if plan.recorded is not None and not plan.recorded.state_column:
        asked.add("pairs")  # of true states, of which there are none
    if missing := [name for name in (*_ASKED_OF_STATES, *_ASKED_OF_EPISODES) if name not in asked]:
        return f"the suite {REPRESENTED} has no cell that asks about {missing[0]}"
    shown = {cell.condition.get("nuisance") for cell in rows.select(cells, SHIFTED, loop="open")}
    slow = {c.condition.get("nuisance") for c in rows.select(cells, REPRESENTED)}
    if left_out := sorted(map(str, shown - slow)):
        return f"the suite {REPRESENTED} has no cell that asks about {left_out[0]}"
    return ""


def _unplanned_searches(cells: Sequence[Cell], profile: Profile) -> str:
    own = rows.select(cells, EXPLOITED)
    for part, how, wanted in (
        ({"loop": "closed"}, "run in closed loop", set(profile.search_pressures)),
        (
            {"asks": "menus"},
            "asked for menus",
            set(filter(changes_menus, profile.search_pressures)),
        ),
    ):
        about = [cell.condition for cell in rows.select(own, EXPLOITED, **part)]
        found = {str(of["pressure"]) for of in about if "pressure" in of}
        if own and found != wanted:
            return (
                f"the searches {sorted(found)} were {how}, the profile "
                f"{profile.name} has {sorted(wanted)}"
            )
    named = [str(c.condition["planner_kind"]) for c in own if "planner_kind" in c.condition]
    if unknown := sorted(set(named) - set(profile.planner_kinds)):
        return f"the profile {profile.name} has no search called {unknown[0]}"
    if own and not any(
        cell.condition.get("asks") == "menus"
        and not {"planner_kind", "pressure"} & {*cell.condition}
        for cell in own
    ):
        return f"the suite {EXPLOITED} has no cell that asks about menus"
    return ""


def _shift(cell: Cell) -> Shift:
    of = cell.condition
    return Shift(
        nuisance=str(of.get("nuisance")),
        direction=str(of.get("direction")),
        strength=float(of.get("strength", 0.0)),
        amount=float(of.get("amount", 0.0)),
        unit=str(of.get("unit")),
        nominal=float(of.get("nominal", 0.0)),
    )


def _name(cell: Cell) -> str:
    return f"the cell {cell.suite} {cell.arm} {cell.condition}"
