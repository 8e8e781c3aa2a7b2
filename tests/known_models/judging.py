"""From a bench to claims, without files."""

from datetime import UTC, datetime

from envelope.claims import make_claims
from envelope.records import Measurements, Observation, Timing, Tool
from perturbations import audit
from tests.envelope.builders import model_state, planner_scope, sha


def measurements_of(bench, suites=tuple(audit.SUITES)):
    """Everything that an audit of a known model leaves."""
    plan, found = audit.plan(bench, suites), audit.run(bench, suites)
    return Measurements(
        format="measurements/0.1",
        tool=Tool(name="tests", version="0", source_digest=sha("source"), libraries={}),
        plan=plan,
        world=bench.world.name,
        observation=Observation(size_px=32, env_steps_per_frame=bench.block_size),
        factors={},
        planner_scope=_scope_of(bench),
        model_state=model_state(),
        cells=found.cells,
        summaries=audit.summarise(found.cells, found.monitors, plan),
        monitors=found.monitors,
        suites=audit.texts(suites),
        pictures=found.pictures,
        not_measured=found.not_measured,
        timing=Timing(
            measured_at=datetime(2026, 1, 5, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            suite_seconds=dict(bench.runner.seconds),
            reused_cells=0,
            run_cells=len(found.cells),
        ),
    )


def _scope_of(bench):
    config, scope = bench.planner.config, planner_scope()
    conventions = scope.conventions.model_copy(
        update={
            "goal_offset_env_steps": bench.cases.goal_offset_env_steps,
            "budget_env_steps": bench.budget_env_steps,
        }
    )
    numbers = ("horizon", "num_samples", "iterations", "elites", "execute_blocks", "block_size")
    own = {name: getattr(config, name) for name in numbers}
    return scope.model_copy(update={**own, "conventions": conventions})


def claims_of(bench, suites=tuple(audit.SUITES)):
    """Every claim about a known model, by id."""
    found = measurements_of(bench, suites)
    return {claim.id: claim for claim in make_claims(found, found.plan.criteria).claims}
