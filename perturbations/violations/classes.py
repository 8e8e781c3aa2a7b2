"""Every violation class by its name, and whether criteria ask for what exists."""

from collections.abc import Mapping

from envelope.errors import EnvelopeError
from envelope.records import Criteria
from perturbations.nuisances.classes import find as find_nuisance
from perturbations.violations.physical import PHYSICAL
from perturbations.violations.seen import SEEN
from perturbations.violations.violation import Violation

VIOLATIONS: Mapping[str, Violation] = {one.name: one for one in (*PHYSICAL, *SEEN)}
"""Every class by its name."""


def find(name: str) -> Violation:
    """The class of that name.

    Raises:
        EnvelopeError: there is none.
    """
    if name not in VIOLATIONS:
        raise EnvelopeError(
            f"no violation is called {name!r}; there are {', '.join(VIOLATIONS)}",
            next_step="correct the name in the criteria",
        )
    return VIOLATIONS[name]


def check_criteria(criteria: Criteria) -> None:
    """Refuse criteria whose classes or units do not exist here.

    Raises:
        EnvelopeError: an unknown nuisance or violation, or another unit than the class has.
    """
    for name in criteria.nuisances:
        find_nuisance(name)
    for name, criterion in criteria.violations.items():
        violation = find(name)
        if criterion.unit != violation.unit:
            raise EnvelopeError(
                f"the criteria give {name} in {criterion.unit}, it is measured in {violation.unit}",
                next_step=f"give its magnitudes in {violation.unit}",
            )
