"""The made-up audit, whole: its measurements and the record drafted from them."""

from functools import cache

from envelope.criteria import default_criteria
from envelope.draft import draft
from envelope.records import Envelope, Measurements, NotMeasured, Observation, Plan, Timing, Tool
from tests.envelope.builders.boxes import worst_case
from tests.envelope.builders.drift import drift
from tests.envelope.builders.frames import pictures
from tests.envelope.builders.nuisances import nuisances
from tests.envelope.builders.pieces import NUM_CASES, NUM_EPISODES, NUM_STREAMS, sha
from tests.envelope.builders.planning import planning
from tests.envelope.builders.scopes import model_state, planner_scope, suite_texts
from tests.envelope.builders.watching import monitors, violations

SUITES = ("planning", "nuisance_shift", "worst_case", "voe", "horizon_drift")


@cache
def measurements() -> Measurements:
    """Everything a standard run over the made-up model produced."""
    criteria = default_criteria()
    parts = (planning(), nuisances(), worst_case(), violations(criteria), drift())
    cells = [one for found, _ in parts for one in found]
    summaries = [one for _, found in parts for one in found]
    return Measurements(
        format="measurements/0.1",
        tool=Tool(
            name="world-model-envelope",
            version="0.1.0",
            source_digest=sha("source"),
            libraries={"numpy": "2.3.0", "torch": "2.13.0"},
        ),
        plan=Plan(
            profile="standard",
            seed=7,
            suites=list(SUITES),
            num_cases=NUM_CASES,
            num_streams=NUM_STREAMS,
            num_calibration_episodes=59,
            num_scoring_episodes=NUM_EPISODES,
            criteria=criteria,
            goal_offsets_env_steps=[15, 35],
        ),
        world="two-room",
        observation=Observation(size_px=64, env_steps_per_frame=5),
        factors={},
        planner_scope=planner_scope(),
        model_state=model_state(),
        cells=cells,
        summaries=summaries,
        monitors=monitors(),
        suites=suite_texts(),
        pictures=pictures(criteria),
        not_measured=[
            NotMeasured(
                what="background.color with the goal frame shifted alone, beyond strength 0.6",
                reason="the profile is standard",
                settle="measure with the profile deep",
            )
        ],
        timing=Timing(
            measured_at="2026-01-05T10:00:00Z",
            suite_seconds={
                "planning": 310.0,
                "nuisance_shift": 840.0,
                "worst_case": 60.0,
                "voe": 95.0,
                "horizon_drift": 160.0,
            },
            reused_cells=0,
            run_cells=len(cells),
        ),
    )


@cache
def example_envelope() -> Envelope:
    """The record of that run."""
    return draft(measurements())
