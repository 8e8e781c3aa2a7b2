"""What a frame and a plan cost."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from envelope.records import CalibratedMonitor, Cell, Estimate, Measurement, Scalar
from perturbations.cells import rows
from perturbations.suites.suite import Suite

if TYPE_CHECKING:
    from perturbations.bench import Bench

NAME = "cost"
_UNTOLD = "the model does not say how many tokens its latent holds"


class Cost(Suite):
    """What does a frame carry to the predictor, and how many operations does one plan take?

    Why it matters: a planner asks the predictor thousands of times per plan. With every token that
    a frame carries all of these become costlier, and the products between tokens by its square: at
    196 tokens a frame, a search that takes a second on one token takes most of a minute.

    Observes: `tokens_per_frame` and `numbers_per_frame` that the predictor is given; `operations`
    of a frame that is encoded, of a candidate that is imagined up to the horizon and of a whole
    plan: of matrix products, convolutions and attention, a multiplication with its addition
    counting as two; `encoder_share` of a plan's operations; `model_steps_per_plan`; and
    `operations_over_tokens`, what a plan would take if the same architecture carried so many
    tokens, where the adapter can lay it out. All are counted along the plain path in torch; a
    planner that skips what does not change takes less. Seconds per frame and per plan are measured
    as deployed and stand apart, with the other wall times.

    Blind to: models that compute outside torch, kernels that cannot be looked into, memory traffic
    and everything else that makes one operation slower than another.
    """

    name = NAME
    family = "F1"

    def run(self, bench: "Bench") -> list[Cell]:
        """A cell about frames, one about plans, and one about other numbers of tokens."""
        from perturbations.suites import cost_rows as ask

        found = []
        for what, rests_on in (
            ("frame", ("model", "world")),
            ("plan", ("model", "world", "planner")),
            ("tokens", ("model", "world", "planner")),
        ):
            key = bench.key(
                NAME,
                "model",
                {"asks": what},
                cases=bench.scoring.digest,
                rests_on=rests_on,
            )
            found.append(bench.runner.run(key, partial(ask.ROWS[what], bench)))
        return found

    def summarise(
        self, cells: Sequence[Cell], monitors: Sequence[CalibratedMonitor], *, seed: int
    ) -> list[Measurement]:
        """See the class docstring."""
        frame, plan, tokens = (
            rows.select(cells, NAME, asks=what) for what in ("frame", "plan", "tokens")
        )
        found = [
            _counted("tokens_per_frame", {}, frame, "tokens", "tokens"),
            _counted("numbers_per_frame", {}, frame, "numbers", "1"),
            _counted("operations", {"of": "frame"}, frame, "operations"),
            _counted("operations", {"of": "candidate"}, plan, "candidate_operations"),
            _counted("operations", {"of": "plan"}, plan, "operations"),
            _counted("encoder_share", {}, plan, "encoder_share", "1"),
            _counted("model_steps_per_plan", {}, plan, "model_steps", "model_steps"),
        ]
        return found + _over_tokens(plan, tokens)


def _counted(
    quantity: str,
    condition: dict[str, Scalar],
    cells: Sequence[Cell],
    column: str,
    unit: str = "operations",
) -> Measurement:
    estimate, note = None, rows.trouble(cells)
    if not note:
        estimate, note = _range(cells[0], column)
    return rows.measurement(NAME, quantity, condition, estimate, unit=unit, note=note)


def _range(cell: Cell, column: str) -> tuple[Estimate | None, str]:
    """The counts of a column: no doubt but that between cases."""
    values = cell.rows[column]
    if None in values:
        return None, _UNTOLD if column == "tokens" else str(cell.rows["why"][values.index(None)])
    counts = rows.numbers(cell, column)
    if len(counts) < 2:
        return None, f"{len(counts)} episodes do not show that a count is the same in all"
    return _spread(counts), ""


def _spread(counts: NDArray[np.float64]) -> Estimate:
    return Estimate(
        value=float(np.median(counts)),
        low=float(counts.min()),
        high=float(counts.max()),
        episodes=len(counts),
        interval="counted",
        seed=0,
    )


def _over_tokens(plan: Sequence[Cell], tokens: Sequence[Cell]) -> list[Measurement]:
    """Operations of one plan at other numbers of tokens: two frames, and every candidate."""
    if rows.trouble(plan) or rows.trouble(tokens):
        return []
    candidates = rows.numbers(plan[0], "candidates")
    if len(candidates) < 2:
        return []
    table = (tokens[0].rows[name] for name in ("tokens", "frame", "candidate"))
    return [
        rows.measurement(
            NAME,
            "operations_over_tokens",
            {"tokens_per_frame": int(number)},
            _spread(2.0 * frame + candidates * candidate),
            unit="operations",
            note="the same widths and depths, of which only the shapes are laid out",
        )
        for number, frame, candidate in zip(*table, strict=True)
        if frame is not None
    ]
