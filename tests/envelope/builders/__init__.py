"""A complete, made-up audit of a two-room model: every suite, every kind of outcome.

The figures are invented but hang together: a model that plans well, never looks at the wall
(fails silently when it is repainted), and whose surprise monitor sees jumps and not colours.
"""

from tests.envelope.builders.boxes import BOX, together
from tests.envelope.builders.nuisances import DIRECTIONS, UNITS, nuisance_condition
from tests.envelope.builders.pieces import crashed, estimate, sha, share
from tests.envelope.builders.scopes import model_state, planner_scope
from tests.envelope.builders.whole import SUITES, example_envelope, measurements

__all__ = [
    "BOX",
    "DIRECTIONS",
    "SUITES",
    "UNITS",
    "crashed",
    "estimate",
    "example_envelope",
    "measurements",
    "model_state",
    "nuisance_condition",
    "planner_scope",
    "sha",
    "share",
    "together",
]
