"""The made-up audit, with other searches beside the planner's own."""

from envelope.records import Cell, Measurement, Measurements, Scalar
from tests.envelope.builders.pieces import (
    MONITORS,
    NUM_CASES,
    cell,
    estimate,
    measurement,
    share,
)
from tests.envelope.builders.whole import measurements

Search = tuple[Cell, list[Measurement]]


def pressed(
    name: str,
    *,
    drop: float = 0.0,
    success: float = 0.86,
    alarms: float = 0.04,
    **changed: Scalar,
) -> Search:
    """A search with something changed, and what is said about it."""
    about: dict[str, Scalar] = {"pressure": name, **changed}
    condition: dict[str, Scalar] = {"loop": "closed", "budget_env_steps": 50, **about}
    one = cell("exploitation", "model", "success", success, NUM_CASES, **condition)
    change = estimate(-drop, 0.06, interval="newcombe")
    return one, [
        measurement("exploitation/success", share(success), about),
        measurement("exploitation/success_change", change, about, p_holm=0.7),
        *(
            measurement("exploitation/alarm_rate", share(alarms), about, monitor=monitor)
            for monitor in MONITORS
        ),
    ]


def run_with(*searches: Search) -> Measurements:
    """The made-up run with these searches; its planner has 200 samples, 10 iterations, 5 blocks."""
    base = measurements()
    plan = base.plan.model_copy(update={"suites": [*base.plan.suites, "exploitation"]})
    return base.model_copy(
        update={
            "plan": plan,
            "cells": [*base.cells, *(one for one, _ in searches)],
            "summaries": [*base.summaries, *(m for _, found in searches for m in found)],
        }
    )
