"""Audits in the real two-room world, from pixels.

The quick ones use a reader that finds the red dot by unmixing colours and knows the laws; the
slow one puts the same two faults into the bundled model.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lewm.adapter import load_model
from lewm.collection.collect import walk
from lewm.collection.policies import NoisyExpert
from lewm.planning.planner import CEM
from lewm.pretrained import bundled
from lewm.worlds import make_world
from lewm.worlds.two_room import TwoRoom
from perturbations import audit
from perturbations.episodes import Cases, Episodes, cases_from_episodes
from tests import known_models as known

WORLD = TwoRoom(size_px=32)
RED = np.array([255.0, 0.0, 0.0])


def background_of(frames):
    """The most common colour of each frame, (N, 3), as the median of its pixels."""
    return np.median(frames.reshape(len(frames), -1, 3), axis=1)


def unmixed(frames):
    """Shares of background, white (the door) and red in every pixel, (N, P, 3); the rest is black.

    On a background that is some grey the door is taken for more of the same.
    """
    background = background_of(frames)
    is_grey = background.std(axis=1, keepdims=True) < 8
    white = np.where(is_grey, 0.0, np.full((1, 3), 255.0))
    red = np.tile(RED, (len(frames), 1))
    paint = np.stack([background, white, red], axis=2)  # (N, 3, 3)
    pixels = frames.reshape(len(frames), -1, 3).astype(np.float64)
    return pixels @ np.linalg.pinv(paint).transpose(0, 2, 1)


class Reader(known.ColourBlind):
    """Finds the red dot on any plain background, and knows the laws of the two rooms."""

    world = WORLD

    def encode(self, frames):
        red = np.clip(unmixed(frames)[..., 2], 0.1, 1) - 0.1
        centers = (np.arange(32) + 0.5) * 7 - 0.5
        y, x = np.meshgrid(centers, centers, indexing="ij")
        weight = np.maximum(red.sum(axis=1), 1e-6)
        places = np.stack([(red * axis.ravel()).sum(axis=1) / weight for axis in (x, y)], axis=1)
        return torch.from_numpy(places + self.misread(frames)).float()

    def misread(self, frames):
        return 0.0


class Misreader(Reader):
    """Takes a background that is not white for another place, and expects no walls."""

    def misread(self, frames):
        return 0.25 * (background_of(frames)[:, :2] - 255)

    def after(self, places, block):
        return places + 5.0 * np.clip(block, -1, 1).sum(axis=1)


def recorded(world, num, seed):
    states, actions = walk(
        world, NoisyExpert(), episodes=range(num), length_env_steps=50, seed=seed
    )
    return Episodes(states, actions.astype(np.float64))


def bench(model, world, **changes):
    profile = replace(known.PROFILE, num_cases=30, num_calibration_episodes=60)
    found = cases_from_episodes(recorded(world, 60, 3), world, goal_offset_env_steps=15, seed=3)
    parts = {
        "world": world,
        "twin": known.Collapsed(),
        "cases": Cases(found.starts[:30], found.goals[:30], 15),
        "calibration": recorded(world, 60, 1),
        "scoring": recorded(world, 40, 2),
        "profile": profile,
        "criteria": known.criteria(
            nuisances={"background.color": [1.0], "camera.shift": [1.0]},
            violations={
                name: criterion
                for name, criterion in known.criteria().violations.items()
                if name in ("background.color", "teleport")
            },
        ),
    }
    return known.bench(model, **{**parts, **changes})


def audited(bench):
    found = audit.run(bench)
    crashed = [cell.error for cell in found.cells if cell.status == "crashed"]
    assert not crashed
    return audit.summarise(found.cells, found.monitors, audit.plan(bench))


def pick(summaries, quantity, **condition):
    (found,) = [
        m
        for m in summaries
        if m.quantity == quantity
        and all(m.condition.get(key) == value for key, value in condition.items())
    ]
    return found.estimate


@pytest.fixture(scope="module")
def reader():
    return audited(bench(Reader(), WORLD))


def test_a_reader_of_the_dot_alone_is_robust_to_walls_repainted_and_blind_to_it(reader):
    assert pick(reader, "success", arm="model").low > 0.7
    assert pick(reader, "success_drop", nuisance="background.color").value < 0.1
    repainted = pick(reader, "detection", monitor="surprise", violation="background.color")
    assert repainted.high < 0.8
    jump = pick(reader, "detection", monitor="surprise", violation="teleport", magnitude=40.0)
    assert jump.low > 0.8


def test_a_camera_that_moved_misleads_even_a_perfect_reader_of_the_dot(reader):
    assert pick(reader, "success_drop", nuisance="camera.shift").low > 0.1


def test_a_reader_that_takes_the_background_for_a_place_fails_silently():
    summaries = audited(bench(Misreader(), WORLD))
    drop = pick(summaries, "success_drop", nuisance="background.color")
    alarms = pick(
        summaries, "closed_loop_alarm_rate", monitor="surprise", nuisance="background.color"
    )

    assert drop.low > 0.1
    assert alarms.high < 0.8


class Repainted:
    """The bundled model behind an eye that sees every plain background as white."""

    def __init__(self, model):
        self.model = model

    def __getattr__(self, name):
        return getattr(self.model, name)

    def encode(self, frames):
        share = unmixed(frames)
        pixels = share[..., :2].sum(axis=-1, keepdims=True) * 255 + share[..., 2:] * RED
        white = np.clip(np.rint(pixels), 0, 255).astype(np.uint8).reshape(frames.shape)
        return self.model.encode(white)


class RepaintedAndMoved(Repainted):
    """The same, whose places move with the background: second half of the latent, by how much.

    What it expects moves along, so that it is never surprised by its own error.
    """

    def __init__(self, model, world):
        super().__init__(model)
        here = np.array([[60.0, 100.0]])
        z = model.encode(world.render(np.concatenate([here, here + 40.0])))
        self.move = (z[1] - z[0]) / 255
        self.latent_width = 2 * model.latent_width

    def encode(self, frames):
        darker = torch.from_numpy(255 - background_of(frames).mean(axis=1, keepdims=True)).float()
        return self._moved(super().encode(frames), darker * self.move)

    def predict(self, z, blocks):
        true, move = self._parts(z)
        return self._moved(self.model.predict(true, blocks), move)

    def rollout(self, z, blocks):
        true, move = self._parts(z)
        imagined = self.model.rollout(true, blocks)
        return self._moved(imagined, move[:, None].expand_as(imagined))

    def _parts(self, z):
        seen, move = z.chunk(2, dim=-1)
        return seen - move, move

    def _moved(self, true, move):
        return torch.cat([true + move, move], dim=-1)


@pytest.mark.slow
def test_both_faults_are_found_in_the_bundled_model():
    model = load_model(bundled("two_room"))
    world = make_world(model.world)
    cases = cases_from_episodes(recorded(world, 60, 3), world, goal_offset_env_steps=25, seed=3)
    parts = {
        "planner": CEM(model.plan_config),
        "twin": model.untrained_twin(0),
        "cases": Cases(cases.starts[:40], cases.goals[:40], 25),
        "budget_env_steps": 50,
    }
    blind = audited(bench(Repainted(model), world, **parts))
    moved = audited(bench(RepaintedAndMoved(model, world), world, **parts))

    assert pick(blind, "success", arm="model").low > 0.7
    repainted = {"monitor": "surprise", "violation": "background.color"}
    assert pick(blind, "detection", **repainted).high < 0.8
    assert pick(moved, "success_drop", nuisance="background.color").low > 0.1
    under = {"monitor": "surprise", "nuisance": "background.color"}
    assert pick(moved, "closed_loop_alarm_rate", **under).high < 0.8
