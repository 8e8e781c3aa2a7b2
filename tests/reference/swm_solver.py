"""Our solver and the reference's on the same weights: the same plans, the same closed loop.

    python -m tests.reference.swm_solver [FOLDER]

FOLDER holds a checkout of another generation of stable-worldmodel, to run instead of the installed
one. Prints JSON: the largest difference of each comparison.
"""

import contextlib
import io
import json
import sys

import numpy as np
import torch

import tests.reference.torchvision_schemas  # noqa: F401

if len(sys.argv) > 1:
    sys.path.insert(0, sys.argv[1])

import gymnasium
import stable_worldmodel as swm
from stable_worldmodel.wm.lewm import LeWM
from stable_worldmodel.wm.lewm.module import MLP, Embedder, Predictor
from torch import nn
from transformers import ViTConfig, ViTModel

from lewm.planning.swm_solver import Solver

try:
    from stable_worldmodel.planning import GoalMSE, ShootingCostEvaluator
    from stable_worldmodel.planning import solver as solvers

    IS_MAIN = True
except ImportError:
    from stable_worldmodel import solver as solvers

    IS_MAIN = False

SIZE, WIDTH, BLOCK, HORIZON = 28, 32, 5, 4
ACTIONS = gymnasium.spaces.Box(-1.0, 1.0, (3, 2), dtype=np.float32)
NAME = "cost" if IS_MAIN else "model"


def reference_model():
    """A small LeWM of the reference, every weight awake."""
    torch.manual_seed(0)
    eye = ViTConfig(
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        image_size=SIZE,
        patch_size=14,
        layer_norm_eps=1e-12,
    )
    sizes = {"input_dim": WIDTH, "hidden_dim": WIDTH, "output_dim": WIDTH}
    model = LeWM(
        encoder=ViTModel(eye, add_pooling_layer=False),
        predictor=Predictor(num_frames=3, depth=2, heads=2, mlp_dim=64, dim_head=16, **sizes),
        action_encoder=Embedder(input_dim=2 * BLOCK, emb_dim=WIDTH),
        projector=MLP(WIDTH, 48, WIDTH, norm_fn=nn.BatchNorm1d),
        pred_proj=MLP(WIDTH, 48, WIDTH, norm_fn=nn.BatchNorm1d),
    )
    with torch.no_grad():
        for value in model.parameters():
            value += 0.1 * torch.randn_like(value)
    return model.eval().requires_grad_(False)


def costed(model):
    """The model as this generation's solvers want it."""
    return ShootingCostEvaluator(model, GoalMSE()) if IS_MAIN else model


def config(**changes):
    settings = {"horizon": HORIZON, "receding_horizon": 2, "action_block": BLOCK}
    return swm.PlanConfig(**{**settings, **changes})


def quietly(call, *args, **kwargs):
    with contextlib.redirect_stdout(io.StringIO()):
        return call(*args, **kwargs)


def seen(num, num_frames, *, seed=1):
    """What a policy hands its solver."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randn(num, num_frames, 3, SIZE, SIZE, generator=generator)
    info = {
        "pixels": pixels,
        "goal": torch.randn(num, 1, 3, SIZE, SIZE, generator=generator),
        "action": torch.zeros(num, 1, 2),
    }
    if IS_MAIN and num_frames > 1:
        shape = (num, num_frames - 1, 2 * BLOCK)
        info["action_history"] = torch.randn(*shape, generator=generator)
    return info


def gap(theirs, ours):
    return float((torch.as_tensor(theirs) - torch.as_tensor(ours)).abs().max())


def compare(model, theirs, ours, *, num=3, num_frames=1, start=None):
    """Largest difference of plan, spread and costs, over two calls of both solvers."""
    differences = {}
    for solver in (theirs, ours):
        solver.configure(action_space=ACTIONS, n_envs=3, config=config())
    for call in (0, 1):
        info = seen(num, num_frames, seed=call)
        expected = quietly(theirs.solve, dict(info), init_action=start)
        found = ours.solve(dict(info), init_action=start)
        differences["plan"] = max(
            differences.get("plan", 0.0), gap(expected["actions"], found["actions"])
        )
        for name in ("var", "costs"):
            if expected.get(name):
                one, other = expected[name], found[name]
                pair = (one[0], other[0]) if name == "var" else (one, other)
                differences[name] = max(differences.get(name, 0.0), gap(*pair))
    return differences


SEARCH = {"num_samples": 40, "n_steps": 6, "topk": 8, "seed": 3}


def compare_all(model):
    def theirs(kind, **settings):
        return getattr(solvers, kind)(costed(model), **settings)

    def ours(**settings):
        return Solver(**{NAME: costed(model)}, **settings)

    one_batch = {"num_samples": 17, "n_steps": 6, "seed": 3}
    adamw = {"optimizer_cls": torch.optim.AdamW, "optimizer_kwargs": {"lr": 0.1}}
    once = {"num_samples": 40, "seed": 3}
    start = torch.randn(3, 2, 2 * BLOCK, generator=torch.Generator().manual_seed(5))
    return {
        "cem": compare(model, theirs("CEMSolver", **SEARCH), ours(**SEARCH)),
        "cem, three frames": compare(
            model, theirs("CEMSolver", **SEARCH), ours(**SEARCH), num_frames=3
        ),
        "cem, four frames": compare(
            model, theirs("CEMSolver", **SEARCH), ours(**SEARCH), num_frames=4
        ),
        "cem, warm": compare(model, theirs("CEMSolver", **SEARCH), ours(**SEARCH), start=start),
        "cem, batches of two": compare(
            model, theirs("CEMSolver", **SEARCH), ours(**SEARCH, batch_size=2)
        ),
        "icem": compare(model, theirs("ICEMSolver", **SEARCH), ours(**SEARCH, algorithm="icem")),
        "mppi": compare(model, theirs("MPPISolver", **SEARCH), ours(**SEARCH, algorithm="mppi")),
        "random_shooting": compare(
            model,
            theirs("PredictiveSamplingSolver", **once),
            ours(**once, n_steps=1, algorithm="random_shooting"),
        ),
        "gradient": compare(
            model,
            theirs("GradientSolver", **one_batch, **adamw),
            ours(**one_batch, algorithm="gradient"),
            num=1,
        ),
    }


class ZScore:
    """The action scaler of a policy."""

    mean, std = np.array([0.1, -0.2]), np.array([0.5, 0.7])

    def transform(self, actions):
        return (actions - self.mean) / self.std

    def inverse_transform(self, actions):
        return actions * self.std + self.mean


def to_pixels(image):
    resized = torch.nn.functional.interpolate(
        torch.as_tensor(image)[None].float() / 255, size=(SIZE, SIZE), mode="area"
    )[0]
    return (resized - 0.45) / 0.23


def closed_loop(model, solver, *, history_len, num_env_steps=23):
    """Actions and places along an episode in the reference's world, (T, N, ...)."""
    world = swm.World("swm/TwoRoom-v1", num_envs=2, image_shape=(224, 224), max_episode_steps=50)
    policy = swm.policy.WorldModelPolicy(
        solver,
        config(history_len=history_len),
        process={"action": ZScore()},
        transform={"pixels": to_pixels, "goal": to_pixels},
    )
    world.set_policy(policy)
    world.reset(seed=9)
    goal = np.array(world.infos["pixels"])
    world.reset(seed=4)
    actions, places = [], []
    for _ in range(num_env_steps):
        world.infos["goal"] = goal
        actions.append(quietly(policy.get_action, world.infos))
        stepped = world.envs.step(actions[-1])
        world.infos = stepped[-1]
        places.append(np.array(world.infos["proprio"]))
    world.close()
    return np.stack(actions), np.stack(places)


def compare_loops(model):
    differences = {}
    for history_len in (1, 3) if IS_MAIN else (1,):
        theirs = solvers.CEMSolver(costed(model), **SEARCH)
        expected = closed_loop(model, theirs, history_len=history_len)
        ours = Solver(**{NAME: costed(model)}, **SEARCH)
        found = closed_loop(model, ours, history_len=history_len)
        differences[f"history {history_len}"] = {
            "actions": float(np.abs(expected[0] - found[0]).max()),
            "places": float(np.abs(expected[1] - found[1]).max()),
            "moved": float(np.abs(expected[1][-1] - expected[1][0]).max()),
        }
    return differences


if __name__ == "__main__":
    reference = reference_model()
    print(
        json.dumps(
            {
                "is_main": IS_MAIN,
                "solvers": compare_all(reference),
                "loops": compare_loops(reference),
            }
        )
    )
