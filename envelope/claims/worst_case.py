"""How many solved cases can a search break inside what is admitted?

A search finds a lower end of that share: it holds only as far as a search of the recorded budget
can tell, which the statement says.
"""

from functools import partial

from envelope.claims.evidence import Evidence, Missing
from envelope.claims.nuisance import Class
from envelope.claims.nuisance_joint import Box, covers, is_admitted
from envelope.claims.planning import clean_success
from envelope.claims.rules import CLOSED_LOOP, OUTCOMES, Judged, Rule
from envelope.claims.words import at_most, figures, number, settle
from envelope.records import Cell, Claim, Criteria
from envelope.records.units import in_unit

_SUITE = "worst_case"
_JOINT = "joint"


def worst_case_claims(
    evidence: Evidence, criteria: Criteria, classes: dict[str, Class], together: Box
) -> list[Claim]:
    """One recorded bound per class of the criteria and one for all; only that without the suite.

    Args:
        evidence: of the run.
        criteria: say how many cases may break.
        classes: what is admitted of each.
        together: how far all of them may go at once.
    """
    planned = _SUITE in evidence.plan.suites
    names = [*(sorted(criteria.nuisances) if planned else ()), _JOINT]
    limit = number(criteria.max_broken_share)
    return [
        Rule(
            id=f"worst_case.{name}",
            family="F2",
            is_bound=True,
            statement=f"A search of the recorded budget inside {_inside(name, together)} breaks "
            f"at most {limit} of the solved cases.",
            criterion=f"broken_share <= {limit}",
            rests_on=(
                *CLOSED_LOOP,
                *(() if name == _JOINT else (f"input_scope.nuisance.{name}",)),
            ),
            suites=("planning", "nuisance_shift", _SUITE),
        ).claim(partial(_judge, evidence, criteria, name, classes, together.scale))
        for name in names
    ]


def _judge(
    evidence: Evidence, criteria: Criteria, name: str, classes: dict[str, Class], joint_scale: float
) -> Judged:
    for suite in ("nuisance_shift", _SUITE):
        evidence.need_suite(suite)
    clean_success(evidence)
    shifted = evidence.cells("nuisance_shift", **({} if name == _JOINT else {"nuisance": name}))
    if any(cell.status == "crashed" for cell in shifted):
        evidence.need_rows(shifted, f"nuisance_shift behind the worst case of {name}")
    cells = evidence.cells(_SUITE, nuisance=name)
    if not cells:
        raise Missing(f"no worst case of {name} was searched for")
    evidence.need_rows(cells, f"worst_case of {name}")
    cell = cells[0]
    measurement, found = evidence.need(f"{_SUITE}/broken_share", nuisance=name)
    limit = criteria.max_broken_share
    verdict = at_most(found, limit)
    reason = f"{_budget(cell)} broke {figures(found, limit)} of {found.episodes} solved cases"
    smallest = _smallest(evidence, name)
    if smallest:
        reason += f"; {smallest}"
    if chance := evidence.estimate(f"{_SUITE}/lost_by_chance"):
        reason += f"; another planner stream loses {figures(chance, limit)} of them"
    reason += f"; allowed {number(limit)}"
    if verdict == "unknown":
        reason += f"; {settle(found, limit, evidence.plan, 'worst_cases')}"
    own = {n: c for n, c in classes.items() if name in (_JOINT, n) and is_admitted(c)}
    scale = joint_scale if name == _JOINT else 1.0
    if not cell.condition.get("is_admitted") or not own:
        problem = "no amount is admitted, and it went up to the smallest that ran"
    elif not scale:
        problem = "no amounts of several at once are admitted"
    else:
        problem = covers(cell, own, scale)
    if problem and verdict == "holds":
        verdict = "unknown"
    if problem:
        reason += f"; {problem}"
    return Judged(verdict, OUTCOMES[verdict], reason, [measurement], found)


def _inside(name: str, together: Box) -> str:
    if name == _JOINT:
        return f"{together.where}the admitted ranges of all nuisances together"
    return f"the admitted range of {name}"


def _budget(cell: Cell) -> str:
    tries = number(float(cell.condition.get("num_tries", 0)))
    halvings = number(float(cell.condition.get("num_bisections", 0)))
    return f"a search of {tries} tries and {halvings} halvings per case"


def _smallest(evidence: Evidence, name: str) -> str:
    quantity = "smallest_share" if name == _JOINT else "smallest_amount"
    for one in evidence.find(f"{_SUITE}/{quantity}", nuisance=name):
        if one.estimate:
            size = number(one.estimate.value)
            if name == _JOINT:
                return f"half of those broke at {size} of the way to the ends or less"
            return f"half of those broke {in_unit(size, one.unit)} off nominal or nearer"
    return ""
