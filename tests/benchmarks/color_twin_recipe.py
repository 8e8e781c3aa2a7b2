"""How the colour-randomised twin of the bundled model is made: colours that change every frame.

    python -m tests.benchmarks.color_twin_recipe --out FOLDER

makes `two_room_colors.pt`, which ships beside the bundled model, in minutes on one thread. The
bundled model is tuned, all its parts, on the walks it was trained on. The background of every
single frame is drawn anew, so whatever of a colour enters a latent is an error that no prediction
can avoid, and the prediction loss alone asks for it to be left out. Colours go further from the
world's own in every stage. docs/lab-notes.md tells which other ways failed.
"""

import argparse
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lewm.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from lewm.data.episodes import Episodes
from lewm.data.windows import MemorySource
from lewm.pretrained import bundled, recipe
from lewm.training.train import train
from lewm.training.train_config import TrainConfig
from lewm.training.train_log import Teller
from lewm.training.tuning import Start
from perturbations.nuisances import color

NAME = "two_room_colors"
COLOR_SEED = 7
_TUNE = replace(recipe.TRAIN, warmup_updates=20, final_sigreg_weight=None, sigreg_anneal_updates=0)


@dataclass(frozen=True)
class Stage:
    """One tuning step."""

    reach_delta_e: float
    """How far from the world's background its colours go."""
    train: TrainConfig


STAGES = (
    Stage(3.0, replace(_TUNE, num_updates=100, schedule_updates=300)),
    Stage(8.0, replace(_TUNE, num_updates=150, schedule_updates=450)),
    Stage(20.0, replace(_TUNE, num_updates=200, schedule_updates=600)),
    Stage(
        45.0,
        replace(
            _TUNE,
            num_updates=400,
            schedule_updates=400,
            final_sigreg_weight=recipe.TRAIN.final_sigreg_weight,
            sigreg_anneal_updates=250,
        ),
    ),
)
"""SIGReg holds its full weight until the last, which lets go of it as the bundled recipe does."""


def drawn_backgrounds(num: int, reach: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Backgrounds at most `reach` delta E from the world's own, (num, 3), sRGB grey levels.

    Each lies towards a colour drawn from all there are, at an even distance from 0 to `reach`.
    """
    origin = color.to_lab(recipe.world().factors["background.color"])
    way = color.to_lab(rng.integers(0, 256, (num, 3))) - origin
    length = np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)
    share = np.minimum(rng.uniform(0, reach, (num, 1)) / length, 1)
    return color.from_lab(origin + share * way)


def recolored(episodes: Episodes, reach: float, seed: int = COLOR_SEED) -> Episodes:
    """The same episodes, every frame before a background of its own."""
    world, rng = recipe.world(), np.random.default_rng(seed)
    frames = np.empty_like(episodes.frames)
    for episode, states in enumerate(episodes.states):
        look = {"background.color": drawn_backgrounds(len(states), reach, rng)}
        frames[episode] = world.render(states, look)
    return Episodes(frames, episodes.actions, episodes.states)


def make(folder: Path) -> Path:
    """Tune stage by stage; the path of the twin. Stages that FOLDER has are not made again."""
    folder.mkdir(parents=True, exist_ok=True)
    episodes = None
    path = bundled("two_room")
    for number, stage in enumerate(STAGES, start=1):
        name = NAME if stage is STAGES[-1] else f"stage_{number}"
        base, path = path, folder / f"{name}.pt"
        if not path.exists():
            episodes = episodes or recipe.collect_episodes()
            _tune(base, stage, episodes, path)
    return path


def _tune(base: Path, stage: Stage, episodes: Episodes, path: Path) -> None:
    started = time.perf_counter()
    start = Start(load_checkpoint(base), "all")
    teller = Teller(lambda line: print(line, flush=True))
    source = MemorySource(recolored(episodes, stage.reach_delta_e))
    model = start.checkpoint.config
    result = train(model, stage.train, source, progress=teller, start=start)
    teller.finish()
    colors = {"every": "frame", "reach_delta_e": stage.reach_delta_e, "seed": COLOR_SEED}
    record = {**result.record, "background_colors": colors}
    save_checkpoint(path, start.tuned(result.model.state_dict(), record, recipe.world().scope()))
    print(f"{path.name}: {time.perf_counter() - started:.0f} s", flush=True)


def main() -> None:
    """Make the twin."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the twin")
    torch.set_num_threads(1)
    made = load_checkpoint(make(parser.parse_args().out))
    is_same = made.sha256 == load_checkpoint(bundled(NAME)).sha256
    print(f"sha256 {made.sha256}, {'the' if is_same else 'not the'} bytes that ship")


if __name__ == "__main__":
    main()
