"""The matrix: which claim must hold, and which must fail, for every known model.

Written down before the first audit of these models was judged. A claim that is not listed may go
either way.
"""

from datetime import UTC, datetime
from functools import cache

import pytest

from envelope.draft import draft
from envelope.records import Measurements, Observation, Timing, Tool
from perturbations import audit
from tests.envelope.builders import model_state, planner_scope, sha
from tests.perturbations.audits import audited

PLANNING = ("planning.success", "planning.above_floor", "planning.share_of_ceiling")
EVENTS = (
    "teleport",
    "through_wall",
    "freeze",
    "velocity_reversal",
    "action_swap",
    "mirrored_motion",
    "stuck_action",
    "rewind",
    "action_delay",
    "rotated_motion",
    "overspeed",
    "slow_motion",
    "drift",
    "jitter",
)
MOTION = tuple(f"monitor.surprise.{name}" for name in EVENTS)
CAMERA = tuple(f"monitor.surprise.{name}" for name in ("blackout", "frozen_camera", "mirror_image"))
REPAINTED = (
    "agent.color",
    "background.color",
    "distractor",
    "camera.jump",
    "blur",
    "noise",
    "flicker",
    "vanish",
)
STATE_ONLY = ("shell", "disagreement")
"""Monitors that look at one latent at a time, so that no broken law of motion shows in them."""
LOOKS = tuple(f"monitor.surprise.{name}" for name in REPAINTED)
SHOWN = ("nuisance.background.color", "nuisance.light.gain", "nuisance.camera.shift")
DRIFT = ("drift.usable_horizon",)

MUST_HOLD = {
    "Oracle": (
        *PLANNING,
        *MOTION,
        *CAMERA,
        *LOOKS,
        *SHOWN,
        *DRIFT,
        # A blur of 6 px is six grey levels in one number: less than places differ by.
        *(f"monitor.disagreement.{name}" for name in REPAINTED if name != "blur"),
    ),
    "ColourBlind": (*PLANNING, *MOTION, *CAMERA, *SHOWN, *DRIFT),
    "BackgroundReader": (*PLANNING, "nuisance.light.gain", "nuisance.camera.shift"),
    "OnAShell": (*PLANNING, *MOTION, *(f"monitor.shell.{name}" for name in REPAINTED)),
    "Doubtful": (*PLANNING, *MOTION, *(f"monitor.dropout.{name}" for name in REPAINTED)),
    "Startled": (*PLANNING, *MOTION, "nuisance.light.gain", "nuisance.camera.shift", *DRIFT),
}
MUST_FAIL = {
    "Oracle": dict.fromkeys((f"monitor.disagreement.{name}" for name in EVENTS), "blind"),
    "OnAShell": dict.fromkeys((f"monitor.shell.{name}" for name in EVENTS), "blind"),
    "Doubtful": dict.fromkeys((f"monitor.dropout.{name}" for name in EVENTS), "blind"),
    "ColourBlind": dict.fromkeys(
        (*LOOKS, *(f"monitor.{one}.{name}" for one in STATE_ONLY for name in REPAINTED)), "blind"
    ),
    "BackgroundReader": {"nuisance.background.color": "fails_silently"},
    "Startled": {"nuisance.background.color": "fails_loudly"},
    "Still": {
        "planning.success": "not_met",
        "planning.share_of_ceiling": "not_met",
        **dict.fromkeys(
            (f"monitor.surprise.{name}" for name in ("freeze", "stuck_action", "slow_motion")),
            "blind",
        ),
        "drift.usable_horizon": "not_met",
    },
    "Drifting": {"planning.success": "not_met"},
    "Folded": {"planning.success": "not_met", "planning.share_of_ceiling": "not_met"},
    "Collapsed": {
        "planning.success": "not_met",
        **dict.fromkeys((*MOTION, *CAMERA, *LOOKS), "blind"),
    },
}
NEVER_HOLDS = {
    "Still": (*PLANNING, *DRIFT),
    "Folded": PLANNING,
    "Collapsed": (*PLANNING, *DRIFT, "monitor.surprise.false_alarms"),
    "Broken": (*PLANNING, *SHOWN, *DRIFT),
}


@cache
def claims(model):
    bench, found, summaries = audited(model)
    measurements = Measurements(
        format="measurements/0.1",
        tool=Tool(name="tests", version="0", source_digest=sha("source"), libraries={}),
        plan=audit.plan(bench),
        world="dot",
        observation=Observation(size_px=32, env_steps_per_frame=5),
        factors={},
        planner_scope=planner_scope().model_copy(update={"horizon": 3}),
        model_state=model_state(),
        cells=found.cells,
        summaries=summaries,
        monitors=found.monitors,
        suites=audit.texts(),
        pictures=found.pictures,
        not_measured=found.not_measured,
        timing=Timing(
            measured_at=datetime(2026, 1, 5, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            suite_seconds=dict(bench.runner.seconds),
            reused_cells=0,
            run_cells=len(found.cells),
        ),
    )
    return {claim.id: claim for claim in draft(measurements).claims}


def listed(table):
    return [(model, claim) for model, names in table.items() for claim in names]


@pytest.mark.parametrize(("model", "claim"), listed(MUST_HOLD))
def test_what_is_sound_holds(model, claim):
    assert claims(model)[claim].verdict == "holds", claims(model)[claim].reason


@pytest.mark.parametrize(("model", "claim"), listed(MUST_FAIL))
def test_a_planted_fault_is_found_and_named(model, claim):
    found = claims(model)[claim]

    assert (found.verdict, found.outcome) == ("fails", MUST_FAIL[model][claim]), found.reason


@pytest.mark.parametrize(("model", "claim"), listed(NEVER_HOLDS))
def test_nothing_holds_on_a_fault(model, claim):
    found = claims(model).get(claim)

    assert found is None or found.verdict != "holds", found.reason


def test_a_crash_is_unknown_and_never_a_finding():
    found = claims("Broken")

    assert {claim.verdict for claim in found.values()} == {"unknown"}
    assert found["planning.success"].outcome == "crashed"
