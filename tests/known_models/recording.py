"""Benches of the dot world whose episodes were recorded: there is no simulator in them."""

from types import SimpleNamespace

import numpy as np

from envelope.cli.recorded_bench import NO_CASES, lay_out
from lewm.data.windows import MemorySource
from lewm.worlds.recorded import RecordedWorld
from perturbations.bench import Bench
from perturbations.cells.runner import Runner
from tests.known_models.benches import PROFILE, criteria, lawful_episodes
from tests.known_models.models import Collapsed
from tests.known_models.search import Search
from tests.known_models.world import BLOCK, WORLD

NUM_EPISODES = 220


def source(num=NUM_EPISODES, *, seed=11, num_env_steps=60, has_states=True):
    """Episodes of the dot, as a data set in memory."""
    made = lawful_episodes(num, seed=seed, num_env_steps=num_env_steps)
    frames = WORLD.render(made.states.reshape(-1, 2))
    parts = {
        "frames": frames.reshape(num, num_env_steps + 1, *frames.shape[1:]),
        "actions": made.actions.astype(np.float32),
    }
    return MemorySource(SimpleNamespace(**parts, **({"states": made.states} if has_states else {})))


def recorded_bench(model, *, data=None, profile=PROFILE, is_held_out=True, **changes):
    """A bench for a model of the dot world, on recorded episodes alone, by default held out."""
    if not hasattr(model, "training"):
        model.training = {"data": {"digest": "0" * 64}}
    world = RecordedWorld(data or source(), name="dot", of="dots.h5")
    world.units_per_px = 1.0
    laid = lay_out(
        world,
        model,
        profile,
        model_steps=profile.model_steps_per_episode,
        false_alarms=0.05,
        seed=7,
        declared_held_out=is_held_out,
    )
    parts = {
        "model": model,
        "twin": Collapsed(),
        "world": world,
        "planner": Search(),
        "cases": NO_CASES,
        **laid._asdict(),
        "criteria": criteria(),
        "seed": 7,
        "identity": {
            "model": type(model).__name__,
            "world": laid.recorded.digest,
            "planner": "search",
            "evaluator": "tests",
        },
        "runner": Runner(),
    }
    return Bench(**{**parts, **changes})


def follows(states, actions):
    """Where the dot lawfully is after a block of actions (N, K, 2) from states (N, 2)."""
    for step in range(BLOCK):
        states = WORLD.step(states, actions[:, step])
    return states
