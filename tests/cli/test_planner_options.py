"""The planner that `lewm plan` is told to use, and those `envelope measure` refuses."""

from pathlib import Path

import pytest
import torch

from lewm.planning.plan_config import PlanConfig
from tests.cli.commands import envelope, lewm
from tests.cli.making import awake_checkpoint


@pytest.fixture(autouse=True)
def model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    awake_checkpoint(Path("ckpt.pt"))


def plan(*words):
    return lewm("plan", "--model", "ckpt.pt", "--start", "40,40", "--goal", "60,60", *words)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), {}),
        (("--algorithm", "cem"), {}),
        (("--algorithm", "icem", "--num-samples", "12", "--elites", "6"), {"elites": 6}),
        (("--algorithm", "icem", "--option", "kept_elites=2"), {"options": {"kept_elites": 2.0}}),
        (("--algorithm", "mppi", "--iterations", "2"), {"iterations": 2}),
        (("--algorithm", "gradient"), {"num_samples": 100, "iterations": 30}),
        (("--algorithm", "gradient", "--num-samples", "3", "--iterations", "2"), {"iterations": 2}),
        (("--algorithm", "random_shooting"), {"iterations": 1, "num_samples": 8}),
        (("--horizon", "3"), {"horizon": 3, "execute_blocks": 3}),
        (("--horizon", "3", "--execute-blocks", "2"), {"horizon": 3, "execute_blocks": 2}),
        (("--cost", "summed_latent_sse/1"), {"cost": "summed_latent_sse/1"}),
        (
            (*("--cost", "terminal_latent_sse_control/1"), *("--option", "control_weight=2")),
            {"options": {"control_weight": 2.0}},
        ),
    ],
)
def test_a_plan_is_made_as_told(words, expected):
    if words[:2] == ("--algorithm", "icem") and "kept_elites=2" not in words:
        words = (*words, "--option", "kept_elites=2")
    done = plan(*words, "--json")

    assert done.status == 0, done
    planner = done.json["planner"]
    assert planner["algorithm"] == (words[1] if "--algorithm" in words else "cem")
    assert {name: planner[name] for name in expected} == expected
    assert len(done.json["actions"]) == 5 * planner["horizon"]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--elites", "9"), "2 <= elites <= num_samples is required, got 9, 8"),
        (("--algorithm", "icem"), "kept_elites must be at most elites"),
        (("--option", "temperature=1"), "cem with terminal_latent_sse/1 has no option"),
        (("--option", "temperature"), "'temperature' is not NAME=VALUE"),
        (("--algorithm", "mppi", "--option", "temperature=nan"), "option temperature must be"),
        (("--algorithm", "mppi", "--option", "temperature=0"), "from 1e-06 to 1e+06, got 0.0"),
        (("--cost", "hope/1"), "unknown cost 'hope/1'"),
        (("--cost", "terminal_latent_sse_consistency/1"), "needs a model that jumps"),
        (("--algorithm", "random_shooting", "--iterations", "2"), "has one iteration"),
        (("--horizon", "2", "--execute-blocks", "3"), "execute_blocks <= horizon"),
    ],
)
def test_a_planner_that_cannot_be_is_refused(words, part):
    plan(*words).refused(2, part)


def test_the_number_of_threads_is_set():
    before = torch.get_num_threads()
    try:
        assert plan("--threads", "3").status == 0
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("planner", "part"),
    [
        ({"history": 3}, "has history=3, which"),
        ({"algorithm": "gradient"}, "cannot plan on the true dynamics"),
    ],
)
def test_a_planner_that_a_record_cannot_describe_is_not_measured(planner, part):
    small = {"num_samples": 8, "iterations": 1, "elites": 2}
    awake_checkpoint(Path("other.pt"), plan_config=PlanConfig(**small, **planner))

    envelope("measure", "--model", "other.pt", "--profile", "quick").refused(2, part)

    assert not Path("other.envelope").exists()


@pytest.mark.parametrize("algorithm", ["icem", "gradient"])
def test_an_evaluation_plans_as_told(algorithm):
    settings = ("--num-samples", "8", "--iterations", "1", "--option")
    option = "kept_elites=1" if algorithm == "icem" else "learning_rate=0.2"
    words = ("eval", "--model", "ckpt.pt", "--num-cases", "2", "--algorithm", algorithm)

    done = lewm(*words, *settings, option, "--json")

    assert done.status == 0, done
    name, value = option.split("=")
    planner = done.json["planner"]
    assert (planner["algorithm"], planner["options"]) == (algorithm, {name: float(value)})
    has_ceiling = "true_dynamics" in [arm["arm"] for arm in done.json["arms"]]
    assert has_ceiling is (algorithm == "icem")
