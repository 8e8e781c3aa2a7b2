"""The made-up audit: which model, how it plans, what its suites ask."""

from envelope.records import Conventions, FileDigest, ModelState, PlannerScope, SuiteText
from tests.envelope.builders.pieces import sha


def planner_scope() -> PlannerScope:
    """CEM 200 x 10 that looks five model steps ahead."""
    return PlannerScope(
        algorithm="cem",
        num_samples=200,
        iterations=10,
        elites=20,
        horizon=5,
        block_size=5,
        execute_blocks=5,
        history=3,
        cost="terminal_latent_sse/1",
        conventions=Conventions(
            action_scale="zscore",
            batchnorm="eval",
            success_rule="two-room/16px",
            goal_offset_env_steps=25,
            budget_env_steps=50,
            solver_batch="any",
            dtype="float32",
            device="cpu",
        ),
        admitted={},
    )


def model_state() -> ModelState:
    """A model as trained, in one file."""
    return ModelState(
        files=[FileDigest(path="two_room.pt", size_bytes=1_234_567, sha256=sha("two_room.pt"))],
        tensor_digest=sha("tensors"),
        groups={"encoder": sha("encoder"), "predictor": sha("predictor")},
        config_digest=sha("config"),
        adapter="lewm",
        num_parameters=311_040,
        tuning=[],
        training={"data_digest": sha("data"), "updates": 4000, "seed": 1},
    )


def suite_texts() -> list[SuiteText]:
    """The docstrings of the four suites, shortened."""
    return [
        SuiteText(
            name="planning",
            family="base",
            question="Does the planner reach its goals with this model?",
            why_it_matters="Every other claim is about keeping this one.",
            observes="Closed-loop success, beside random actions, an untrained twin and the truth.",
            blind_to="Goals farther away than those sampled.",
        ),
        SuiteText(
            name="nuisance_shift",
            family="F2",
            question="What does a nuisance do to planning and to the alarm?",
            why_it_matters="A repainted wall can halve success while the monitor stays silent.",
            observes="Success and alarm rate per class, in the physical unit of the class.",
            blind_to="Two nuisances at once, and classes that are not listed.",
        ),
        SuiteText(
            name="worst_case",
            family="F2",
            question="What is the smallest admitted nuisance that makes a solved case fail?",
            why_it_matters="An average hides the cases that a small change breaks.",
            observes="The share of solved cases that a search breaks.",
            blind_to="What a longer search would find.",
        ),
        SuiteText(
            name="voe",
            family="F5",
            question="Which violations does each monitor see, and which not?",
            why_it_matters="A monitor's blind spots are where nobody will be warned.",
            observes="Detection, delay and false alarms at a calibrated threshold.",
            blind_to="Violations that are not listed.",
        ),
        SuiteText(
            name="horizon_drift",
            family="F7",
            question="How far ahead may one look?",
            why_it_matters="Error that grows with the horizon becomes a confident wrong plan.",
            observes="Rollout error over the error of assuming that nothing moves.",
            blind_to="Differences the encoder discards.",
        ),
    ]
