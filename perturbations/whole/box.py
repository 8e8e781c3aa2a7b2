"""Are the cells that rest on what other cells showed those that the plan calls for?

Joint cells and searches of the worst case lie inside the box that the shifted cells admit, so that
whoever has the rows of those can say which of these there have to be.
"""

from collections.abc import Mapping, Sequence

from envelope.records import Cell, Plan, Scalar
from perturbations.cells import rows
from perturbations.profiles import Profile
from perturbations.suites import admitted, joint, planning, worst_case

_SHIFTED = "nuisance_shift"


def joint_trouble(cells: Sequence[Cell], plan: Plan) -> str:
    """A joint cell too many, too few, or drawn from another box; empty when all is well."""
    box = admitted.box(cells, plan.criteria)
    own = rows.select(cells, _SHIFTED, loop=joint.LOOP)
    clean = planning.clean_model_cells(cells)
    called: set[str] = set()
    absent: list[str] = []

    def is_kept(scale: float, amounts: joint.Amounts) -> bool:
        wanted = joint.joint_condition(box, scale, amounts)
        found = [cell for cell in own if _has(cell, wanted)]
        if not found:
            absent.append(f"{amounts} inside {scale:g} of what is admitted")
            return False
        called.update(cell.id for cell in found)
        return admitted.is_harmless(clean, found[0], plan.criteria)

    joint.choose(box, is_kept)
    if absent:
        return (
            f"{len(box)} nuisances had to run together, their amounts {absent[0]}, and there is "
            "no such cell"
        )
    if any(cell.id not in called for cell in own):
        return "a joint cell was not called for by the rule of the plan"
    return ""


def worst_case_trouble(cells: Sequence[Cell], plan: Plan, profile: Profile) -> str:
    """A search too many or too few, inside another range or of other cases; empty when well."""
    own = rows.select(cells, worst_case.NAME)
    clean = planning.clean_model_cells(cells)
    if not own or rows.trouble(clean) or not rows.select(cells, _SHIFTED):
        return ""
    wanted = {
        name: worst_case.condition(extents)
        for name, extents in worst_case.searches(cells, plan.criteria).items()
    }
    numbers = worst_case.searched_cases(cells, profile.num_worst_cases).tolist()
    for name, condition in wanted.items():
        if not any(_has(cell, condition) for cell in own):
            return f"the worst case of {name} had to be searched for, and there is no such cell"
    for cell in own:
        name = str(cell.condition.get("nuisance"))
        if name not in wanted or not _has(cell, wanted[name]):
            return f"a search of the worst case of {name} was not called for by the plan"
        if cell.status == "done" and any(cell.rows.values()) and cell.rows.get("case") != numbers:
            return (
                f"the search of the worst case of {name} has {len(cell.rows.get('case', []))} "
                f"rows that are not the first {len(numbers)} solved cases"
            )
    return ""


def _has(cell: Cell, condition: Mapping[str, Scalar]) -> bool:
    ends = ("low.", "high.")
    given = {key for key in cell.condition if key.startswith(ends)}
    return given == {key for key in condition if key.startswith(ends)} and all(
        cell.condition.get(key) == value for key, value in condition.items()
    )
