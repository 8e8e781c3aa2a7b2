"""A made-up decision about a candidate, with every status among its comparisons."""

from envelope import gate
from envelope.criteria import default_criteria
from envelope.records import Estimate, Margins, Measurement
from tests.envelope.builders import measurements, model_state, planner_scope, sha

MARGINS = Margins(success=0.05, detection=0.1, false_alarms=0.05, usable_horizon=0.05)
CONDITIONS = {
    "success_difference": {},
    "detection_difference": {"monitor": "surprise", "violation": "teleport", "magnitude": 80.0},
    "false_alarms_difference": {"monitor": "surprise"},
    "usable_horizon_difference": {"horizon": 5},
}


def found(quantity, low, high, *, p_holm=1.0, measured=True):
    """A comparison with this interval; without one where it was not measured."""
    estimate = Estimate(
        value=(low + high) / 2, low=low, high=high, episodes=100, interval="newcombe", seed=0
    )
    return Measurement(
        suite="migration",
        quantity=quantity,
        unit="1",
        condition=CONDITIONS[quantity],
        estimate=estimate if measured else None,
        p_holm=p_holm if measured else None,
        note="" if measured else "crashed: ValueError: no",
    )


def equal():
    """Every comparison, none with a difference."""
    return [found(quantity, -0.02, 0.02) for quantity in CONDITIONS]


def with_one(quantity, *args, **more):
    """The same with one comparison replaced."""
    return [found(quantity, *args, **more), *(m for m in equal() if m.quantity != quantity)]


def gate_record():
    """An undecided candidate."""
    probe = Measurement(
        suite="migration",
        quantity="probe_r2",
        unit="1",
        condition={"arm": "candidate"},
        estimate=Estimate(value=1, low=1, high=1, episodes=9, interval="bootstrap", seed=0),
    )
    shown = [*with_one("success_difference", -0.2, 0.01, p_holm=0.2), probe]
    compared = gate.compare(shown, MARGINS, {shown[0].id: 310})
    decision, reasons = gate.decide(compared)
    tuned = ["encoder: 200 updates at 0.0001 on data 9f2c41d07a1e"]
    return gate.Gate(
        format="gate/0.1",
        decision=decision,
        exit_status=1,
        reasons=reasons,
        compared=compared,
        reported=gate.reported(shown),
        base=model_state(),
        candidate=model_state().model_copy(update={"tuning": tuned}),
        margins=MARGINS,
        criteria=default_criteria(),
        planner_scope=planner_scope(),
        world="two-room",
        profile="quick",
        seed=0,
        num_cases=80,
        num_cases_run=80,
        cells=[sha("cell")],
        tool=measurements().tool,
        measured_at="2026-11-21T12:00:00Z",
    )
