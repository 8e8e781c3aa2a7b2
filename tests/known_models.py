"""A small world and models whose faults are known, to audit the auditor.

Nothing is drawn: a frame holds the numbers that a picture would show, the position as 24-bit
fractions and everything that a nuisance changes as bytes. The world has every nuisance class as a
factor of its own, so an audit of these models takes seconds.

Shapes in this module:
    N  cases     S  samples     T  model steps     K  env steps per block     D  latent width
"""

from dataclasses import dataclass, replace

import numpy as np
import torch

from envelope.records import Criteria, ViolationCriterion
from perturbations.bench import Bench
from perturbations.cells import Runner
from perturbations.episodes import Cases, Episodes, cases_from_episodes
from perturbations.profiles import Profile

SIDE = 100.0
SPEED = 3.0
BLOCK = 5
_WALL = (48.0, 52.0)
_DOOR = (35.0, 65.0)
_FIXED = 2**24 - 1

FACTORS = {
    "background.color": (255, 255, 255),
    "agent.color": (255, 0, 0),
    "background.gradient": (255, 255, 255),
    "light.gain": 1.0,
    "distractor": 0.0,
    "blur": 0.0,
    "noise": 0.0,
    "camera.shift": (0.0, 0.0),
}


class DotWorld:
    """A dot in a box with a wall and a wide door in it."""

    name = "dot"
    action_width = 2
    state_width = 2
    success_rule = "dot/6"
    factors = FACTORS

    def sample_states(self, rng, num):
        states = rng.uniform(0, SIDE, (num, 2))
        inside = (states[:, 0] > _WALL[0] - 1) & (states[:, 0] < _WALL[1] + 1)
        states[inside, 0] -= 10
        return states

    def step(self, states, actions):
        after = np.clip(states + SPEED * np.clip(actions, -1, 1), 0, SIDE)
        blocked = (after[:, 1] < _DOOR[0]) | (after[:, 1] > _DOOR[1])
        from_left = states[:, 0] < SIDE / 2
        after[blocked & from_left, 0] = np.minimum(after[blocked & from_left, 0], _WALL[0])
        after[blocked & ~from_left, 0] = np.maximum(after[blocked & ~from_left, 0], _WALL[1])
        return after

    def render(self, states, factors=None):
        look = {**self.factors, **(factors or {})}
        frames = np.zeros((len(states), 32), dtype=np.uint8)
        fixed = np.rint(np.clip(states / SIDE, 0, 1) * _FIXED).astype(np.int64)
        for axis in range(2):
            for byte in range(3):
                frames[:, 3 * axis + byte] = (fixed[:, axis] >> (16 - 8 * byte)) & 255
        frames[:, 6:9] = look["background.color"]
        frames[:, 9:12] = look["agent.color"]
        frames[:, 12:15] = look["background.gradient"]
        frames[:, 15] = round(50 * look["light.gain"])
        frames[:, 16:19] = [round(look[name]) for name in ("distractor", "blur", "noise")]
        frames[:, 19:21] = np.rint(look["camera.shift"]) + 128
        frames[:, 21] = 255  # a black frame is no frame of this world
        return np.repeat(frames[:, None, :, None], 3, axis=3).repeat(2, axis=1)

    def distance(self, states, goals):
        return np.linalg.norm(states - goals, axis=-1)

    def solved(self, states, goals):
        return self.distance(states, goals) < 6.0

    def scope(self):
        return {"world": self.name, "size_px": 32, "factors": {}}


WORLD = DotWorld()
_CLEAN_LOOK = WORLD.render(np.zeros((1, 2)))[0, 0, 6:22, 0].astype(np.float64)


class Oracle:
    """Knows the laws, and sees all there is: places and looks, which it expects to stay."""

    block_size = BLOCK
    action_width = 2
    history = 3
    sees_looks = True
    world = WORLD

    @property
    def latent_width(self):
        return 2 + 16 * self.sees_looks

    def encode(self, frames):
        numbers = frames[:, 0, :, 0].astype(np.float64)
        places = numbers[:, :6].reshape(-1, 2, 3) @ [2**16, 2**8, 1] / _FIXED * SIDE
        looks = numbers[:, 6:22] - _CLEAN_LOOK
        z = np.hstack([self.place(places, looks), looks]) if self.sees_looks else None
        return torch.from_numpy(self.place(places, looks) if z is None else z).float()

    def place(self, places, looks):
        """Where this model believes the dot to be."""
        return places

    def after(self, places, block):
        """Places (N, 2) after a block of actions (N, K, 2)."""
        for step in range(BLOCK):
            places = self.world.step(places, block[:, step])
        return places

    def predict(self, z, blocks):
        flat = self._next(z.flatten(end_dim=1), blocks.flatten(end_dim=1))
        return flat.reshape(z.shape)

    def rollout(self, z, blocks):
        found = []
        for step in range(blocks.shape[1]):
            z = self._next(z, blocks[:, step])
            found.append(z)
        return torch.stack(found, dim=1)

    def _next(self, z, block):
        places = self.after(z[:, :2].double().numpy(), block.double().numpy())
        return torch.cat([torch.from_numpy(places).to(z), z[:, 2:]], dim=1)


class Still(Oracle):
    """Expects that nothing moves."""

    def after(self, places, block):
        return places


class Drifting(Oracle):
    """Off by a little in every step, always the same way; the errors of a rollout add up."""

    bias = 4.0

    def after(self, places, block):
        return super().after(places, block) + np.array([self.bias, 0.0])


class ColourBlind(Oracle):
    """Plans well and sees no looks at all."""

    sees_looks = False


class BackgroundReader(ColourBlind):
    """Takes another background for another place, and is never surprised by it.

    It knows no walls, so that a wrong place breaks none of the laws it expects.
    """

    def place(self, places, looks):
        return places + 0.08 * looks[:, :2]

    def after(self, places, block):
        return places + SPEED * np.clip(block, -1, 1).sum(axis=1)


class Startled(ColourBlind):
    """Sees the dot somewhere else in every frame once the background is not white."""

    def place(self, places, looks):
        scatter = np.sin(1e3 * places[:, ::-1])
        return places + 0.3 * scatter * np.abs(looks[:, :1])


class Folded(ColourBlind):
    """Takes the right half of the box for the left one."""

    def place(self, places, looks):
        return np.abs(places - [SIDE / 2, 0])


class Collapsed(Oracle):
    """Maps everything to one point."""

    def encode(self, frames):
        return torch.zeros(len(frames), self.latent_width)

    def _next(self, z, block):
        return torch.zeros_like(z)


class Broken(Oracle):
    """Gives no numbers."""

    def encode(self, frames):
        return super().encode(frames) * float("nan")


@dataclass(frozen=True)
class SearchConfig:
    horizon: int = 3
    block_size: int = BLOCK
    execute_blocks: int = 3
    num_samples: int = 40
    iterations: int = 4
    elites: int = 6


@dataclass(frozen=True)
class FoundPlan:
    actions: np.ndarray
    imagined_cost: np.ndarray


class Search:
    """The cross-entropy method, small: 40 samples, 4 rounds, 6 elites, noise shared per block."""

    def __init__(self, config=None):
        self.config = config or SearchConfig()

    def varied(self, **changes):
        return type(self)(replace(self.config, **changes))

    def plan(self, model, frames, goal_frames, seeds, *, observe=None):
        z, goal = model.encode(frames), model.encode(goal_frames)

        def cost(blocks):  # (N, S, T, K, A)
            start = z.repeat_interleave(blocks.shape[1], dim=0)
            last = model.rollout(start, torch.from_numpy(blocks).flatten(end_dim=1))[:, -1]
            error = last.reshape(*blocks.shape[:2], -1) - goal[:, None]
            return error.square().sum(dim=-1).numpy()

        return self._search(cost, seeds, observe)

    def plan_in_world(self, world, states, goals, seeds, *, action_stats=None):
        def cost(blocks):
            now = np.repeat(states, blocks.shape[1], axis=0)
            actions = blocks.reshape(len(now), -1, 2)
            for step in range(actions.shape[1]):
                now = world.step(now, actions[:, step])
            reached = world.distance(now, np.repeat(goals, blocks.shape[1], axis=0))
            return reached.reshape(blocks.shape[:2]) ** 2

        return self._search(cost, seeds)

    def _search(self, cost, seeds, observe=None):
        config = self.config
        rngs = [np.random.default_rng(seed) for seed in seeds]
        mean, std = np.zeros((len(rngs), 1, config.horizon, 1, 2)), 1.0
        for iteration in range(config.iterations):
            shape = (config.num_samples, config.horizon, 1, 2)
            noise = np.stack([rng.standard_normal(shape) for rng in rngs])
            tried = np.clip(mean + std * noise, -1, 1)
            blocks = np.repeat(tried, BLOCK, axis=3)
            costs = cost(blocks)
            if observe is not None:
                observe(iteration, torch.from_numpy(blocks), torch.from_numpy(costs))
            best = costs.argsort(axis=1)[:, : config.elites]
            elites = np.take_along_axis(tried, best[:, :, None, None, None], axis=1)
            mean, std = elites.mean(axis=1, keepdims=True), elites.std(axis=1, keepdims=True)
        plan = np.repeat(mean, BLOCK, axis=3)
        return FoundPlan(plan.reshape(len(rngs), -1, 2), cost(plan)[:, 0])


def lawful_episodes(num, *, seed, num_env_steps=50):
    """Episodes of a dot that holds a course for a block and then takes another."""
    rng = np.random.default_rng(seed)
    course = rng.uniform(-1, 1, (num, num_env_steps // BLOCK, 1, 2))
    actions = np.repeat(course, BLOCK, axis=2).reshape(num, -1, 2)
    states = np.empty((num, num_env_steps + 1, 2))
    states[:, 0] = WORLD.sample_states(rng, num)
    for step in range(num_env_steps):
        states[:, step + 1] = WORLD.step(states[:, step], actions[:, step])
    return Episodes(states, actions)


def criteria(**changes):
    """Criteria for the dot world."""
    values = {
        "format": "criteria/0.1",
        "success_at_least": 0.7,
        "share_of_ceiling_at_least": 0.8,
        "max_success_drop": 0.1,
        "detection_rate": 0.8,
        "false_alarms_per_episode": 0.05,
        "max_drift_ratio": 0.5,
        "nuisances": {name: [0.5, 1.0] for name in FACTORS},
        "violations": {
            "teleport": ViolationCriterion(magnitudes=[10.0, 40.0], claim_at=40.0, unit="px"),
            "through_wall": ViolationCriterion(magnitudes=[20.0], claim_at=20.0, unit="px"),
            "freeze": ViolationCriterion(magnitudes=[10.0], claim_at=10.0, unit="env_steps"),
            "velocity_reversal": ViolationCriterion(
                magnitudes=[10.0], claim_at=10.0, unit="env_steps"
            ),
            "action_swap": ViolationCriterion(magnitudes=[10.0], claim_at=10.0, unit="env_steps"),
            "blackout": ViolationCriterion(magnitudes=[1.0], claim_at=1.0, unit="frames"),
            "frozen_camera": ViolationCriterion(magnitudes=[2.0], claim_at=2.0, unit="frames"),
            "agent.color": ViolationCriterion(magnitudes=[40.0], claim_at=40.0, unit="delta_e"),
            "background.color": ViolationCriterion(
                magnitudes=[40.0], claim_at=40.0, unit="delta_e"
            ),
            "distractor": ViolationCriterion(magnitudes=[16.0], claim_at=16.0, unit="px"),
        },
        "valid_days": 90,
    }
    return Criteria(**{**values, **changes})


PROFILE = Profile(
    name="quick",
    num_cases=40,
    num_streams=3,
    num_calibration_episodes=60,
    num_scoring_episodes=40,
    num_nuisance_episodes=12,
    num_states=200,
    num_menu_cases=20,
    search_pressures=("num_samples_times_4", "replan_every_block"),
    model_steps_per_episode=10,
    shifted_cells="few",
    goal_offsets_env_steps=(),
)


def cases(num=PROFILE.num_cases, *, goal_offset_env_steps=15, seed=3):
    """Unsolved cases, the same for every model."""
    found = cases_from_episodes(
        lawful_episodes(2 * num, seed=seed),
        WORLD,
        goal_offset_env_steps=goal_offset_env_steps,
        seed=seed,
    )
    return Cases(found.starts[:num], found.goals[:num], goal_offset_env_steps)


def bench(model, **changes):
    """A bench for a model of this module; `changes` replace its parts."""
    profile = changes.pop("profile", PROFILE)
    parts = {
        "model": model,
        "twin": Collapsed(),
        "world": WORLD,
        "planner": Search(),
        "cases": cases(profile.num_cases),
        "calibration": lawful_episodes(profile.num_calibration_episodes, seed=1),
        "scoring": lawful_episodes(profile.num_scoring_episodes, seed=2),
        "criteria": criteria(),
        "profile": profile,
        "seed": 7,
        "identity": {
            "model": type(model).__name__,
            "world": "dot",
            "planner": "search",
            "evaluator": "tests",
        },
        "budget_env_steps": 30,
        "runner": Runner(),
    }
    return Bench(**{**parts, **changes})
