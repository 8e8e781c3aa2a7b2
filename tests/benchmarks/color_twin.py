"""A twin of the bundled model that has seen many colours, and what the audit makes of both.

    python -m tests.benchmarks.color_twin --out FOLDER

makes the twin unless FOLDER has it (minutes on one thread): the encoder of the bundled model, tuned
on the walks it was trained on, drawn with a background and an agent of another colour in every
episode; a quarter of the episodes keep the colours of the world. The predictor stays, so that a
frame has to look like what it expects whatever its colours. docs/lab-notes.md tells which other
ways of making one failed, and that this one has not been run to its end.
Then what `standard` has about
visual shift and violations runs on both, unless FOLDER has that, and what was expected is printed
beside what was found. Two records are made; docs/lab-notes.md keeps the figures.
"""

import argparse
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from envelope.cli.files import Folder
from envelope.records import Envelope, Estimate
from lewm.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from lewm.data.episodes import Episodes
from lewm.data.windows import MemorySource
from lewm.pretrained import recipe
from lewm.training.train import train
from lewm.training.train_log import Teller
from lewm.training.tuning import Start
from perturbations import color

SUITES = ("planning", "nuisance_shift", "worst_case", "voe")
TUNE = replace(recipe.TRAIN, final_sigreg_weight=0.002)
COLOR_SEED = 400
CLEAN_SHARE = 0.25
APART_DELTA_E = 40.0
"""Agent and background are drawn until they lie so far apart."""


def drawn_colors(num_episodes: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Background and agent of every episode, (E, 2, 3), sRGB grey levels."""
    world = recipe.world()
    clean = np.array([world.factors["background.color"], world.factors["agent.color"]])
    found = rng.integers(0, 256, (num_episodes, 2, 3))
    while len(near := np.flatnonzero(color.delta_e(found[:, 0], found[:, 1]) < APART_DELTA_E)):
        found[near] = rng.integers(0, 256, (len(near), 2, 3))
    found[rng.random(num_episodes) < CLEAN_SHARE] = clean
    return found


def recolored(episodes: Episodes, seed: int = COLOR_SEED) -> Episodes:
    """The same episodes, each drawn in colours of its own."""
    world = recipe.world()
    colors = drawn_colors(episodes.num_episodes, np.random.default_rng(seed))
    frames = np.empty_like(episodes.frames)
    for episode, (background, agent) in enumerate(colors):
        look = {"background.color": background, "agent.color": agent}
        frames[episode] = world.render(episodes.states[episode], look)
    return Episodes(frames, episodes.actions, episodes.states)


def train_twin(path: Path) -> None:
    """The bundled model's eye, tuned on recoloured episodes."""
    started = time.perf_counter()
    teller = Teller(lambda line: print(line, flush=True))
    base = Start(load_checkpoint(recipe.FOLDER / "two_room.pt"), "encoder")
    result = train(
        base.checkpoint.config,
        TUNE,
        MemorySource(recolored(recipe.collect_episodes())),
        progress=teller,
        start=base,
    )
    teller.finish()
    record = {**result.record, "colors": "drawn per episode", "color_seed": COLOR_SEED}
    twin = base.tuned(result.model.state_dict(), record, recipe.world().scope())
    save_checkpoint(path, twin)
    print(f"tuned in {time.perf_counter() - started:.0f} s")


def measured(model: Path, folder: Path) -> Envelope:
    """The record of a standard run without drift and exploitation, made unless it is there."""
    files = Folder(folder)
    if not files.envelope.exists():
        chosen = [word for name in SUITES for word in ("--suite", name)]
        words = ["measure", "--model", str(model), "--profile", "standard", "--out", str(folder)]
        done = subprocess.run([sys.executable, "-m", "envelope.cli", *words, *chosen], check=False)
        if done.returncode:
            raise SystemExit(f"measuring {model.name} ended with {done.returncode}")
    return files.read_envelope()


def tell(name: str, record: Envelope) -> None:
    """Print what a record says of success, of each nuisance, and of what monitors see."""
    claims = {claim.id: claim for claim in record.claims}
    print(f"\n{name}: {claims['planning.success'].reason}")
    for nuisance, scope in sorted(record.input_scope.nuisance.items()):
        claim = claims[f"nuisance.{nuisance}"]
        print(f"  {nuisance}: {claim.outcome}; {claim.reason}")
        for one in scope.boundaries:
            ends = f"[{one.amount.low:.3g}, {one.amount.high:.3g}]"
            beyond = " or beyond" if one.is_open else ""
            print(f"    limit {one.direction}: {one.amount.value:.3g} {ends}{beyond} {scope.unit}")
    for claim in record.claims:
        if claim.id == "nuisance.joint" or claim.id.startswith("worst_case."):
            print(f"  {claim.id}: {claim.verdict}; {claim.reason}")
    for monitor in record.monitors:
        for violation in ("teleport", "background.color", "agent.color"):
            found = claims[f"monitor.{monitor.name}.{violation}"]
            print(f"  {monitor.name} on {violation}: {found.outcome}; {found.reason}")
        print(f"  {monitor.name} is blind to: {', '.join(monitor.blind_spots) or 'nothing shown'}")


def judge(bundled: Envelope, twin: Envelope) -> bool:
    """Print the four things expected, and whether they were found."""
    answers = {
        "teleports are detected by a monitor of each model": all(
            any(_outcome(one, f"monitor.{m.name}.teleport") == "detected" for m in one.monitors)
            for one in (bundled, twin)
        ),
        "a colour change is missed by a monitor of each model, and published as a blind spot": all(
            any({"background.color", "agent.color"} & set(m.blind_spots) for m in one.monitors)
            for one in (bundled, twin)
        ),
        "a background that halves success is reported, as silent or loud": _outcome(
            bundled, "nuisance.background.color"
        )
        in ("fails_silently", "fails_loudly", "fails_alarm_unknown"),
        "the twin's limit of background.color lies further out, the brackets apart": (
            _nearest(twin).low >= _nearest(bundled).high
        ),
    }
    for words, is_so in answers.items():
        print(f"{'yes' if is_so else 'NO '}  {words}")
    for name, record in (("bundled", bundled), ("twin", twin)):
        limit = _nearest(record)
        print(f"{name}: background.color {limit.value:.3g} [{limit.low:.3g}, {limit.high:.3g}]")
    return all(answers.values())


def _outcome(record: Envelope, claim_id: str) -> str:
    return next(claim.outcome for claim in record.claims if claim.id == claim_id)


def _nearest(record: Envelope) -> Estimate:
    found = record.input_scope.nuisance["background.color"].boundaries
    return min((one.amount for one in found), key=lambda amount: amount.value)


def main() -> None:
    """Make the twin where it is absent, measure both, tell what was expected."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of twin and records")
    options = parser.parse_args()
    torch.set_num_threads(1)
    twin = options.out / "color_twin.pt"
    if not twin.exists():
        options.out.mkdir(parents=True, exist_ok=True)
        train_twin(twin)
    bundled = measured(recipe.FOLDER / "two_room.pt", options.out / "bundled")
    shifted = measured(twin, options.out / "twin")
    tell("bundled", bundled)
    tell("twin", shifted)
    print()
    sys.exit(0 if judge(bundled, shifted) else 1)


if __name__ == "__main__":
    main()
