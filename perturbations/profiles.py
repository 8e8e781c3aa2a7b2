"""Profiles: how much is measured, and what that can at best conclude.

A closed-loop case costs about two plans; that is what profiles ration. Whatever needs encodes and
one-step predictions alone runs at all strengths and magnitudes in every profile.

brief
    For simulators that step one state at a time, where `quick` takes an hour. 40 cases, clean
    success to about 12 points; a nuisance class is robust when none in 40 is lost, failing from 10
    on where one cell ran, from 11 where two did (a true drop of 33 points). A violation class is
    detected from 55 of 60 clips on, blind up to 41. The menus of 12 cases, nothing but the
    planner's own search.
quick
    80 cases. Clean success to about 8 points either way, over three planner streams. Three nuisance
    classes in closed loop, in their worst direction: at the weakest strength that moves the latent
    as far as one action block does, and at full strength if that was harmless. Robust when at most
    2 cases in 80 are lost, failing from 15 on where one cell ran, so that a true drop of 22 points
    is found four times out of five, and from 17 on where two did (25 points). Every other class
    stays `unknown` for success. A violation class is detected from 88 % of 120 clips on, blind up
    to 71 %. No goal offset but the nominal one. No search for the worst case.
standard
    150 cases, clean success to about 5 points. Every nuisance class in closed loop, on the current
    frame, bisected down to two neighbouring strengths: three cells where there are five, and one in
    the runner-up direction at the strongest that was harmless. Goal frame and both frames for the
    two worst classes. Robust up to 7 cases lost in 150, failing from 26 on where three cells ran,
    from 27 where four did (a true drop of 20 points). Detected from 86 % of 200 clips, blind up to
    74 %. Four further goal offsets. Nine further searches, each of which may extend the range of
    one planner field, and up to four further algorithms; plans of each are carried out. 60 solved
    cases are searched for their worst nuisance, of which 5 may break.
deep
    400 cases, five streams, clean success to about 3 points. The grid: every class, direction and
    strength on the current frame, the worst direction on the goal frame and on both. Robust up to
    28 cases lost in 400, failing from 64 on (a true drop of 18 points). Detected from 85 % of 300
    clips, blind up to 75 %. 150 solved cases are searched, of which 20 may break.

Where at least two classes leave success alone, every profile adds two cells with all of these drawn
together in a quarter of their ranges, and while that holds two more for each of five larger boxes.

The figures hold for the default criteria: a drop of 10 points, a detection rate of 80 %. One cell
of several fails a class only beyond what chance gives the worst of them (envelope/claims/many.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from envelope.errors import EnvelopeError

ProfileName = Literal["brief", "quick", "standard", "deep"]


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
    num_states: int
    """Independent states behind what is said of the latents alone."""
    model_steps_per_episode: int
    num_menu_cases: int
    """Cases whose candidate plans the true dynamics score."""
    search_pressures: tuple[str, ...]
    """Searches besides the planner's own that run in closed loop, by name."""
    num_changed_menu_cases: int = field(default=24, kw_only=True)
    """How many of them are asked again under each pressure that changes the plans."""
    planner_kinds: tuple[str, ...] = field(default=(), kw_only=True)
    """Other algorithms that run in closed loop where the planner knows them."""
    shifted_cells: Literal["few", "bisect", "grid"]
    """Which nuisance cells run in closed loop."""
    goal_offsets_env_steps: tuple[int, ...]
    """Goal offsets besides the nominal one."""
    num_worst_cases: int = 0
    """Solved cases that a search tries to break; none where it would settle nothing."""


_PRESSURES = (
    "num_samples_times_4",
    "num_samples_by_4",
    "iterations_times_3",
    "iterations_by_2",
    "replan_every_block",
    "replan_halfway",
    "replan_a_block_sooner",
    "budget_times_2",
    "budget_less_a_fifth",
)
_KINDS = ("cem", "icem", "mppi", "gradient", "random_shooting")

PROFILES: Mapping[ProfileName, Profile] = {
    "brief": Profile(
        name="brief",
        num_cases=40,
        num_streams=3,
        num_calibration_episodes=100,
        num_scoring_episodes=60,
        num_nuisance_episodes=12,
        num_states=200,
        model_steps_per_episode=10,
        num_menu_cases=12,
        search_pressures=(),
        shifted_cells="few",
        goal_offsets_env_steps=(),
    ),
    "quick": Profile(
        name="quick",
        num_cases=80,
        num_streams=3,
        num_calibration_episodes=200,
        num_scoring_episodes=120,
        num_nuisance_episodes=24,
        num_states=400,
        model_steps_per_episode=10,
        num_menu_cases=40,
        search_pressures=("num_samples_times_4",),
        shifted_cells="few",
        goal_offsets_env_steps=(),
    ),
    "standard": Profile(
        name="standard",
        num_cases=150,
        num_streams=3,
        num_calibration_episodes=300,
        num_scoring_episodes=200,
        num_nuisance_episodes=40,
        num_states=1000,
        model_steps_per_episode=10,
        num_menu_cases=80,
        num_changed_menu_cases=40,
        search_pressures=_PRESSURES,
        planner_kinds=_KINDS,
        shifted_cells="bisect",
        goal_offsets_env_steps=(15, 35, 50, 75),
        num_worst_cases=60,
    ),
    "deep": Profile(
        name="deep",
        num_cases=400,
        num_streams=5,
        num_calibration_episodes=400,
        num_scoring_episodes=300,
        num_nuisance_episodes=100,
        num_states=2000,
        model_steps_per_episode=10,
        num_menu_cases=100,
        num_changed_menu_cases=100,
        search_pressures=_PRESSURES,
        planner_kinds=_KINDS,
        shifted_cells="grid",
        goal_offsets_env_steps=(15, 35, 50, 75, 100),
        num_worst_cases=150,
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
