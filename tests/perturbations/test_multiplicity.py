"""The simulation of claims over many cells runs, and the correction makes the difference."""

import numpy as np
import pytest

from tests.benchmarks import multiplicity

CHEAP = [line for line in multiplicity.LINES if not line.name.startswith(("nuisance", "quiet"))]


@pytest.mark.parametrize("line", CHEAP, ids=lambda line: line.name)
def test_an_audit_of_a_line_says_how_many_claims_erred(line):
    erred, num = line.errs(np.random.default_rng(0))

    assert 0 <= erred <= num
    assert num >= 1


def test_goal_offsets_at_the_limit_fail_more_often_where_each_is_judged_as_the_only_one():
    line = next(line for line in CHEAP if line.name.endswith("limit, deep: fails"))

    corrected, _ = multiplicity.simulate(line, 80)
    with multiplicity.uncorrected():
        alone, _ = multiplicity.simulate(line, 80)

    assert corrected <= 0.05 < alone
