import json
import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from torch import nn

from lewm.adapter import AuditableModel
from lewm.data.windows import ActionStats, pixels_from_frames
from lewm.errors import LewmError
from lewm.planning.plan_config import PlanConfig
from lewm.planning.planner import make_planner
from lewm.planning.swm_solver import Solver
from tests import reference
from tests.lewm.dots import DotWorld, awake_model

SEARCH = {"num_samples": 32, "n_steps": 3, "topk": 6, "seed": 7}
POLICY = SimpleNamespace(horizon=3, receding_horizon=3, action_block=5, history_len=3)
SPACE = Box(-1.0, 1.0, (2, 2), dtype=np.float32)


class Released(nn.Module):
    """What of the reference's LeWM is read: its parts, their sizes and their tensors."""

    def __init__(self):
        super().__init__()
        ours = awake_model().module
        config = ours.config
        for name, part in ours.named_children():
            self.add_module(name, part)
        self.encoder.config = SimpleNamespace(
            image_size=config.image_size,
            patch_size=config.patch_size,
            hidden_size=config.encoder_width,
            num_hidden_layers=config.encoder_depth,
            num_attention_heads=config.encoder_heads,
            intermediate_size=config.encoder_mlp_width,
        )
        self.predictor.num_frames = config.history


class GoalMSE(nn.Module):
    """The objective of the main branch, by name and attributes."""

    def __init__(self, reduction="sum"):
        super().__init__()
        self.pred_key, self.goal_key, self.reduction = "predicted_emb", "goal_emb", reduction


class ShootingCostEvaluator(nn.Module):
    """What the main branch hands a solver."""

    def __init__(self, model, objective):
        super().__init__()
        self.model, self.objective = model, objective


def configured(solver, **changes):
    policy = SimpleNamespace(**{**vars(POLICY), **changes})
    solver.configure(action_space=SPACE, n_envs=2, config=policy)
    return solver


def seen(num, num_frames=1):
    states = np.random.default_rng(3).random((num * (num_frames + 1), 2))
    frames = DotWorld().render(states).reshape(num, num_frames + 1, 16, 16, 3)
    pixels = pixels_from_frames(frames)
    return frames, {"pixels": pixels[:, :-1], "goal": pixels[:, -1:]}


def neutral_planner(**changes):
    """Our planner and model where z-scored and env units are the same."""
    model = AuditableModel(
        awake_model().module, ActionStats((0.0, 0.0), (1.0, 1.0)), name="n", plan_config=None
    )
    config = PlanConfig(
        num_samples=32, iterations=3, elites=6, horizon=3, execute_blocks=3, **changes
    )
    return make_planner(config), model


@pytest.mark.parametrize("algorithm", ["cem", "mppi", "gradient"])
def test_the_solver_of_release_0_1_1_finds_the_plan_of_our_planner(algorithm):
    frames, info = seen(1)
    planner, model = neutral_planner(algorithm=algorithm)

    solver = configured(Solver(model=Released(), algorithm=algorithm, **SEARCH))
    found = solver(info, init_action=None)

    expected = planner.plan(model, frames[:, 0], frames[:, 1], [7]).actions
    assert found["actions"].shape == (1, 3, 10)
    assert found["actions"].reshape(1, 15, 2).numpy() == pytest.approx(expected, abs=1e-5)
    assert (solver.n_envs, solver.horizon, solver.action_dim) == (2, 3, 10)
    assert set(found) == {"actions", "costs", "mean", "var", "callbacks"}


def test_the_solver_of_the_main_branch_takes_the_executed_blocks_beside_the_frames():
    frames, info = seen(1, num_frames=3)
    past = torch.randn(1, 2, 10, generator=torch.Generator().manual_seed(0))
    planner, model = neutral_planner(history=3)

    cost = ShootingCostEvaluator(Released(), GoalMSE())
    solver = configured(Solver(cost=cost, **SEARCH))
    found = solver.solve({**info, "action_history": past})["actions"]

    blocks = past.reshape(1, 2, 5, 2).double().numpy()
    expected = planner.plan(model, frames[:, :3], frames[:, 3], [7], past=blocks).actions
    assert found.reshape(1, 15, 2).numpy() == pytest.approx(expected, abs=1e-5)
    without = configured(Solver(cost=cost, **SEARCH)).solve(info)["actions"]
    assert not torch.allclose(found, without, atol=1e-3)


def test_environments_imagined_together_get_the_plans_they_get_one_by_one():
    _, info = seen(3)
    together = configured(Solver(model=awake_model(), **SEARCH)).solve(info)
    alone = configured(Solver(model=awake_model(), **SEARCH, batch_size=1)).solve(info)

    assert torch.allclose(together["actions"], alone["actions"], atol=1e-5)
    assert together["costs"] == pytest.approx(alone["costs"], rel=1e-4)
    assert not torch.allclose(together["actions"][0], together["actions"][1], atol=1e-3)


def test_the_rest_of_the_last_plan_is_where_the_search_starts():
    _, info = seen(1)
    rest = torch.full((1, 2, 10), 3.0)
    narrow = {**SEARCH, "var_scale": 1e-3}

    plan = configured(Solver(model=awake_model(), **narrow)).solve(info, init_action=rest)

    assert torch.allclose(plan["actions"][:, :2], rest, atol=0.01)
    assert plan["actions"][:, 2].abs().max() < 0.01


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "a solver needs one model"),
        ({"model": 1, "cost": 1}, "a solver needs one model"),
        ({"model": 1, "options": {"action_low": -1.0}}, "bounds of candidates are those of"),
        ({"model": "lewm.pt"}, "str is no model that this solver knows"),
        ({"model": nn.Linear(2, 2)}, "Linear is not built as the published LeWM"),
        ({"cost": ShootingCostEvaluator(None, GoalMSE("mean"))}, "is not GoalMSE with reduction"),
        ({"model": awake_model(), "topk": 400}, "2 <= elites <= num_samples is required"),
    ],
)
def test_what_the_solver_cannot_plan_with_is_refused(arguments, said):
    with pytest.raises(LewmError, match=said):
        configured(Solver(**arguments))


@pytest.mark.parametrize(("name", "value"), [("hidden_act", "relu"), ("layer_norm_eps", 1e-6)])
def test_an_encoder_that_computes_otherwise_with_the_same_tensors_is_refused(name, value):
    model = Released()
    _, told = seen(2)
    plain = {"hidden_act": "gelu", "layer_norm_eps": 1e-12}
    model.encoder.config = SimpleNamespace(**vars(model.encoder.config), **plain)
    configured(Solver(model, **SEARCH)).solve(told)

    setattr(model.encoder.config, name, value)

    with pytest.raises(LewmError, match=f"the encoder of Released has {name} {value}"):
        configured(Solver(model, **SEARCH)).solve(told)


def test_a_policy_with_another_block_is_refused():
    with pytest.raises(LewmError, match="the policy has blocks of 4 and 2"):
        configured(Solver(model=awake_model()), action_block=4)


def test_a_policy_without_a_goal_is_refused():
    with pytest.raises(LewmError, match="gives no tensor 'goal', only pixels"):
        configured(Solver(model=awake_model())).solve({"pixels": seen(1)[1]["pixels"]})


def agree(found):
    differences = [value for pair in found["solvers"].values() for value in pair.values()]
    assert max(differences) < 1e-4
    for loop in found["loops"].values():
        assert loop["actions"] < 1e-4
        assert loop["places"] < 1e-4
        assert loop["moved"] > 1


def test_the_published_package_finds_the_same_plans_and_acts_the_same():
    found = json.loads(reference.run("swm_solver"))

    assert set(found["loops"]) == {"history 1"}
    agree(found)


def test_the_main_branch_finds_the_same_plans_and_acts_the_same():
    folder = os.environ.get("STABLE_WORLDMODEL_MAIN")
    if not folder:
        pytest.skip("STABLE_WORLDMODEL_MAIN names no checkout of stable-worldmodel's main branch")
    found = json.loads(reference.run("swm_solver", folder))

    assert found["is_main"]
    assert set(found["loops"]) == {"history 1", "history 3"}
    agree(found)


def test_planning_leaves_a_model_in_training_as_it_was():
    module = awake_model().module.train().requires_grad_(True)

    configured(Solver(model=module)).solve(seen(1)[1])

    assert module.training
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_frames_without_the_policys_transform_are_refused():
    _, info = seen(1)
    with pytest.raises(LewmError, match=r"pixels are torch\.uint8"):
        configured(Solver(model=awake_model())).solve({**info, "pixels": info["pixels"].byte()})


def test_a_start_beyond_the_horizon_is_refused():
    with pytest.raises(LewmError, match="a plan of 3 blocks cannot start from 4"):
        configured(Solver(model=awake_model(), **SEARCH)).solve(
            seen(1)[1], init_action=torch.zeros(1, 4, 10)
        )
