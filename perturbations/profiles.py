"""Profiles: how much is measured, and what that can at best conclude.

A closed-loop case costs about two plans; that is what profiles ration. Whatever needs encodes and
one-step predictions alone runs at all strengths and magnitudes in every profile.

quick
    Clean success to about 12 points either way, over three planner streams. Three nuisance
    classes in closed loop, each at full strength in its worst direction: a drop is settled as
    failing from about 25 points on, and a class as robust only when nothing at all is lost. Every
    other class stays `unknown` for success. A violation class is settled as detected from about
    93 % on, as blind up to about 65 %. No goal offset but the nominal one.
standard
    Clean success to about 7 points. Every nuisance class in closed loop at two strengths, found by
    bisection, on the current frame: admitted ranges have at most two steps. Goal frame and both
    frames for the two worst classes. Drops from about 18 points on are settled. Two further
    goal offsets.
deep
    The grid: every class, direction and strength on the current frame, the worst direction on the
    goal frame and on both. Clean success to about 5 points, drops from about 12 points on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from envelope.errors import EnvelopeError

ProfileName = Literal["quick", "standard", "deep"]


@dataclass(frozen=True)
class Profile:
    """Numbers of everything."""

    name: ProfileName
    num_cases: int
    num_streams: int
    """Planner streams on the clean arm; a shifted case keeps one of them."""
    num_calibration_episodes: int
    num_scoring_episodes: int
    """Lawful held-out episodes behind violations, false alarms and drift."""
    num_nuisance_episodes: int
    """How many of them are shown under each nuisance in open loop."""
    model_steps_per_episode: int
    shifted_cells: Literal["few", "bisect", "grid"]
    """Which nuisance cells run in closed loop."""
    goal_offsets_env_steps: tuple[int, ...]
    """Goal offsets besides the nominal one."""


PROFILES: Mapping[ProfileName, Profile] = {
    "quick": Profile(
        name="quick",
        num_cases=80,
        num_streams=3,
        num_calibration_episodes=120,
        num_scoring_episodes=80,
        num_nuisance_episodes=24,
        model_steps_per_episode=10,
        shifted_cells="few",
        goal_offsets_env_steps=(),
    ),
    "standard": Profile(
        name="standard",
        num_cases=150,
        num_streams=3,
        num_calibration_episodes=200,
        num_scoring_episodes=120,
        num_nuisance_episodes=40,
        model_steps_per_episode=10,
        shifted_cells="bisect",
        goal_offsets_env_steps=(50, 75),
    ),
    "deep": Profile(
        name="deep",
        num_cases=400,
        num_streams=5,
        num_calibration_episodes=400,
        num_scoring_episodes=300,
        num_nuisance_episodes=100,
        model_steps_per_episode=10,
        shifted_cells="grid",
        goal_offsets_env_steps=(15, 35, 50, 75, 100),
    ),
}


def find_profile(name: str) -> Profile:
    """The profile of that name.

    Raises:
        EnvelopeError: there is none.
    """
    for profile in PROFILES.values():
        if profile.name == name:
            return profile
    raise EnvelopeError(
        f"no profile is called {name!r}; there are {', '.join(PROFILES)}",
        next_step="choose one of them",
    )
