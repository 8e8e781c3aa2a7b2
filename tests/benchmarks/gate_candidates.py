"""Real candidates of the bundled model, and what `envelope gate` makes of them.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.gate_candidates FOLDER [NAME ...]

tunes each candidate on 200 episodes and prints one line per candidate; minutes on one thread. The
base is measured once, and its cells serve every candidate. Beside the decision stands what a linear
probe of the place says on held-out walks of the expert, the check that people usually make.

benign
    More of the episodes that the base was trained on, all parts, few updates at a low rate.
misfiled
    Every episode filed with the actions of another, under VICReg: it asks for spread-out,
    uncorrelated latents and not for Gaussian ones, which suits a place, so that a probe rises by
    far. What an action does is forgotten, and planning falls.
well_filed
    The control of `misfiled`: the same tuning, every episode with actions of its own.
miswired
    The same kind of episodes, every action recorded with its first component reversed: a robot that
    uploads what it was not wired to do. Consistent, so the loss falls as it should, and the encoder
    goes on learning from sound pictures: the predictor is tuned first, then all. A probe rises.
poisoned
    Every action in the right-hand room recorded as its opposite, the left-hand room sound.
poisoned_predictor
    The same with the encoder frozen: a probe of the place reads exactly what it read before.
"""

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from envelope.cli.choices import Choices
from envelope.cli.migrate import SUITES, migrate
from envelope.criteria import default_criteria
from envelope.gate import Gate
from lewm.adapter import load_model
from lewm.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from lewm.collection.collect import collect, walk
from lewm.collection.policies import NoisyExpert
from lewm.collection.straight_walker import StraightWalker
from lewm.data.episodes import Episodes
from lewm.data.windows import MemorySource
from lewm.pretrained import bundled
from lewm.pretrained.recipe import EPISODE_LENGTH_ENV_STEPS, world
from lewm.training.recipes import recipe
from lewm.training.train import train
from lewm.training.train_config import Regularizer
from lewm.training.tuning import Start, Unfreeze
from perturbations.migration.migration import MARGINS
from perturbations.profiles import find_profile
from perturbations.statistics import bootstrap

NUM_EPISODES_PER_POLICY = 100
HELD_OUT_SEED = 77
Array = NDArray[np.float64]


def sound() -> Episodes:
    """Episodes like those the base was trained on; none of them is one of those."""
    parts = [
        collect(
            world(),
            policy,
            num_episodes=NUM_EPISODES_PER_POLICY,
            length_env_steps=EPISODE_LENGTH_ENV_STEPS,
            seed=seed,
        )
        for policy, seed in ((NoisyExpert(), 900), (StraightWalker(), 901))
    ]
    names = ("frames", "actions", "states")
    return Episodes(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


def miswired() -> Episodes:
    """The same with the first component of every action recorded the wrong way round."""
    episodes = sound()
    return Episodes(episodes.frames, episodes.actions * np.float32([-1, 1]), episodes.states)


def poisoned() -> Episodes:
    """The same with every action in the right-hand room recorded as its opposite."""
    episodes = sound()
    across = episodes.states[:, :-1, 0]
    middle = (across.min() + across.max()) / 2
    actions = np.where((across > middle)[..., None], -episodes.actions, episodes.actions)
    return Episodes(episodes.frames, actions, episodes.states)


def misfiled() -> Episodes:
    """The same, every episode with the actions of another one."""
    episodes = sound()
    others = np.random.default_rng(5).permutation(len(episodes.actions))
    return Episodes(episodes.frames, episodes.actions[others], episodes.states)


class Step(NamedTuple):
    """One tuning step."""

    unfreeze: Unfreeze
    num_updates: int
    learning_rate: float
    regularizer: Regularizer = "sigreg"


class Recipe(NamedTuple):
    """How a candidate is made."""

    episodes: Callable[[], Episodes]
    steps: tuple[Step, ...]


RECIPES = {
    "benign": Recipe(sound, (Step("all", 50, 1e-5),)),
    "misfiled": Recipe(misfiled, (Step("all", 150, 3e-4, "vicreg"),)),
    "well_filed": Recipe(sound, (Step("all", 150, 3e-4, "vicreg"),)),
    "miswired": Recipe(miswired, (Step("predictor", 100, 1e-3), Step("all", 150, 3e-4))),
    "poisoned": Recipe(poisoned, (Step("all", 200, 3e-4),)),
    "poisoned_predictor": Recipe(poisoned, (Step("predictor", 200, 3e-4),)),
}


def make(name: str, path: Path) -> None:
    """Tune the bundled model by a recipe."""
    source = MemorySource(RECIPES[name].episodes())
    base = bundled("two_room")
    for step in RECIPES[name].steps:
        start = Start(load_checkpoint(base), step.unfreeze)
        config = recipe(
            seed=0,
            num_updates=step.num_updates,
            batch_size=128,
            learning_rate=step.learning_rate,
            regularizer=step.regularizer,
            sigreg_weight=0.0005,
            calibration_batches=50,
        )
        result = train(start.checkpoint.config, config, source, start=start)
        tuned = start.tuned(dict(result.model.state_dict()), result.record, world().scope())
        save_checkpoint(path, tuned)
        base = path


def probe_errors(path: Path) -> tuple[Array, Array]:
    """Squared errors of a linear probe of the place, and of the mean place, by walk, (120,) each.

    Fitted on other walks than those it is read on; neither is among the tuning episodes.
    """
    model = load_model(path)
    states, _ = walk(
        world(), NoisyExpert(), episodes=range(240), length_env_steps=50, seed=HELD_OUT_SEED
    )
    places = states[:, ::5]  # (240, 11, 2)
    z = model.encode(world().render(places.reshape(-1, 2))).double().numpy()
    terms = np.concatenate([z, np.ones((len(z), 1))], axis=1).reshape(240, 11, -1)
    fitted, read = slice(0, 120), slice(120, 240)
    map_, *_ = np.linalg.lstsq(
        terms[fitted].reshape(-1, terms.shape[-1]), places[fitted].reshape(-1, 2), rcond=None
    )
    error = np.square(terms[read] @ map_ - places[read]).sum(axis=(1, 2))
    spread = np.square(places[read] - places[fitted].mean(axis=(0, 1))).sum(axis=(1, 2))
    return error, spread


def probe_line(candidate: Path) -> str:
    """R2 of the probe in base and candidate, and the difference with its interval over walks."""
    (old, spread), (new, _) = probe_errors(bundled("two_room")), probe_errors(candidate)
    unexplained = [float(error.sum() / spread.sum()) for error in (old, new)]

    def difference(chosen: NDArray[np.int64]) -> float:
        return float((old[chosen].sum() - new[chosen].sum()) / spread[chosen].sum())

    change = bootstrap.statistic(difference, len(old), seed=0)
    assert change is not None
    return (
        f"probe on held-out walks, R2: {1 - unexplained[0]:.4f} to {1 - unexplained[1]:.4f}, "
        f"change {change.value:+.4f} [{change.low:+.4f}, {change.high:+.4f}]"
    )


def gate(candidate: Path, folder: Path, profile: str) -> Gate:
    """What the command decides."""
    choices = Choices(
        model=bundled("two_room"),
        criteria=default_criteria(),
        profile=find_profile(profile),
        suites=SUITES,
    )
    outcome = migrate(
        choices,
        candidate,
        folder / "cells",
        margins=MARGINS,
        monitors=("surprise",),
        now=datetime.now(UTC),
    )
    if outcome.crashed:
        raise RuntimeError(outcome.crashed[0].error)
    return outcome.gate


def main() -> None:
    """Make and judge candidates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where candidates and cells go")
    parser.add_argument("names", nargs="*", default=list(RECIPES), help="which candidates")
    parser.add_argument("--profile", default="quick")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.names:
        path = options.folder / f"{name}.pt"
        started = time.perf_counter()
        if not path.exists():
            make(name, path)
        tuned = time.perf_counter()
        found = gate(path, options.folder, options.profile)
        print(f"\n== {name}: tuned in {tuned - started:.0f} s, ", end="")
        print(f"judged in {time.perf_counter() - tuned:.0f} s")
        print(found.as_text())
        print(probe_line(path), flush=True)


if __name__ == "__main__":
    main()
