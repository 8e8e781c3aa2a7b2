"""Episodes, cases, criteria and benches of the dot world."""

import numpy as np

from envelope.records import Criteria, ViolationCriterion
from perturbations.bench import Bench
from perturbations.cells.runner import Runner
from perturbations.episodes import Cases, Episodes, cases_from_episodes
from perturbations.profiles import Profile
from tests.known_models.models import Collapsed
from tests.known_models.search import Search
from tests.known_models.world import BLOCK, FACTORS, WORLD

_MORE_VIOLATIONS = {
    "mirrored_motion": (10.0, "env_steps"),
    "stuck_action": (10.0, "env_steps"),
    "rewind": (10.0, "env_steps"),
    "action_delay": (5.0, "env_steps"),
    "rotated_motion": (90.0, "degrees"),
    "overspeed": (2.0, "times"),
    "slow_motion": (2.0, "times"),
    "drift": (2.0, "px_per_env_step"),
    "jitter": (5.0, "px_per_env_step"),
    "camera.jump": (16.0, "px"),
    "blur": (6.0, "px"),
    "noise": (48.0, "std"),
    "flicker": (0.5, "share_of_light"),
    "vanish": (1.0, "frames"),
    "mirror_image": (1.0, "frames"),
}
"""Shown at one magnitude each. A second agent, a patch and swapped channels are pictures."""


def _shown_at(magnitude, unit):
    return ViolationCriterion(magnitudes=[magnitude], claim_at=magnitude, unit=unit)


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
            **{name: _shown_at(*at) for name, at in _MORE_VIOLATIONS.items()},
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


def cases_behind_the_wall(num=PROFILE.num_cases, *, seed=3):
    """Cases whose goal lies close behind the wall, to the upper right and far from the door."""
    rng = np.random.default_rng(seed)
    starts = np.stack([rng.uniform(42, 46, num), rng.uniform(0, 8, num)], axis=1)
    goals = np.stack([rng.uniform(66, 80, num), rng.uniform(10, 20, num)], axis=1)
    return Cases(starts, goals, goal_offset_env_steps=15)


def far_cases(num=PROFILE.num_cases, *, seed=3):
    """Cases whose goal lies 50 to 70 px above the start, on the same side of the wall."""
    rng = np.random.default_rng(seed)
    starts = np.stack([rng.uniform(5, 43, num), rng.uniform(0, 25, num)], axis=1)
    goals = starts + np.stack([np.zeros(num), rng.uniform(50, 70, num)], axis=1)
    return Cases(starts, goals, goal_offset_env_steps=25)
