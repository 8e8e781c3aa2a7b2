"""Audits of the known models, each made once per test run."""

from functools import cache

from perturbations import audit
from tests import known_models as known


@cache
def audited(model):
    """The bench, what the run left, and its summaries."""
    bench = known.bench(getattr(known, model)())
    found = audit.run(bench)
    return bench, found, audit.summarise(found.cells, found.monitors, audit.plan(bench))
