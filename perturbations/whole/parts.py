"""Are the cells there that the plan names outright: clips, references, streams, the rollouts?

Of recorded episodes a class of violations may be missing as a whole, where it needs a simulator;
its claims are then unknown.
"""

from collections.abc import Sequence

from envelope.records import Cell, Plan
from perturbations.cells import rows
from perturbations.suites import planning
from perturbations.suites.horizon_drift import BLOCK_BY_BLOCK, JUMPS, PROBES, RANKING
from perturbations.suites.horizon_drift import NAME as DRIFT
from perturbations.suites.voe import NAME as VIOLATIONS

_REFERENCES = ("random", "untrained_twin")
"""The ceiling is there only where the world can be cloned."""
_LAWFUL = "none"
_OF_JUMPS = frozenset({JUMPS, BLOCK_BY_BLOCK})
"""Asked together, of a model that jumps."""


def missing_part(cells: Sequence[Cell], plan: Plan) -> str:
    """What is not there, or was never planned; empty when all is well."""
    return _clips(cells, plan) or _arms(cells, plan) or _rollouts(cells, plan)


def _clips(cells: Sequence[Cell], plan: Plan) -> str:
    own = rows.select(cells, VIOLATIONS)
    if not own:
        return ""
    found = {
        (str(cell.condition.get("violation")), cell.condition.get("magnitude")) for cell in own
    }
    wanted = {
        (name, magnitude)
        for name, criterion in plan.criteria.violations.items()
        for magnitude in criterion.magnitudes
        if plan.recorded is None or name in {name_found for name_found, _ in found}
    }
    if (_LAWFUL, None) not in found:
        return f"the suite {VIOLATIONS} has no cell of lawful episodes"
    if absent := sorted(wanted - found):
        return f"{absent[0][0]} was not shown at magnitude {absent[0][1]:g}"
    if more := sorted(map(str, found - wanted - {(_LAWFUL, None)})):
        return f"the violation {more[0]} was not called for by the plan"
    return ""


def _arms(cells: Sequence[Cell], plan: Plan) -> str:
    own = rows.select(cells, planning.NAME)
    if not own:
        return ""
    arms = {cell.arm for cell in own}
    if absent := [arm for arm in _REFERENCES if arm not in arms]:
        return f"the suite {planning.NAME} has no cell of {absent[0]}"
    streams = [cell.condition["stream"] for cell in planning.clean_model_cells(cells)]
    if streams != list(range(plan.num_streams)):
        return f"the clean arm has the planner streams {streams}, the plan {plan.num_streams}"
    return ""


def _rollouts(cells: Sequence[Cell], plan: Plan) -> str:
    own = rows.select(cells, DRIFT)
    if not own:
        return ""
    if not any("max_horizon" in cell.condition and "asks" not in cell.condition for cell in own):
        return f"the suite {DRIFT} has no cell of rollouts"
    asked = {cell.condition.get("asks") for cell in own}
    wanted = {PROBES, RANKING}
    if plan.recorded is not None:
        wanted = {PROBES} if plan.recorded.state_column else set()
    if asked & _OF_JUMPS:
        wanted |= _OF_JUMPS
    absent = sorted(wanted - asked)
    return f"the suite {DRIFT} has no cell that asks about {absent[0]}" if absent else ""
