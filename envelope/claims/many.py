"""When one cell of many decides a claim alone.

A claim that holds only where every cell does needs no correction: that all of them look good by
chance is no likelier than that one does (intersection-union test, Berger 1982). A claim that
fails where any cell does is another matter: of fifty cells at the limit one goes beyond it by
chance. Such a cell must go beyond it by the end of an interval that is right for all of them.
"""

from statistics import NormalDist

from envelope.records import Estimate

_TAIL = 0.025


def among(found: Estimate, num: int) -> Estimate:
    """The interval of one of `num` cells, widened so that with 95 % all of theirs hold the truth.

    Args:
        found: with its own 95 % interval.
        num: cells that could have decided alone, those without an estimate included.

    Source: Bonferroni's inequality, which is Holm's first step: of several nulls that any one
    rejection refutes together, only the smallest p counts. Each end moves away from the value as
    a normal quantile does, from 2.5 % to 2.5 % / num. How often that errs: docs/audit-validity.md.
    """
    normal = NormalDist()
    wider = normal.inv_cdf(1 - _TAIL / max(1, num)) / normal.inv_cdf(1 - _TAIL)
    return found.model_copy(
        update={
            "low": found.value - wider * (found.value - found.low),
            "high": found.value + wider * (found.high - found.value),
        }
    )
