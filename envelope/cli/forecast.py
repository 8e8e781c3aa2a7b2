"""How long a run will take, said before it begins: counted work, times a timed piece of it."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from envelope.cli.progress import in_words
from envelope.criteria import default_criteria
from envelope.records import Criteria
from perturbations import audit, latents

if TYPE_CHECKING:
    from perturbations.bench import Bench

WORTH_TELLING_SECONDS = 60.0
_SLOW_PLAN_SECONDS = 1.0
_PLANS_AT_ONCE, _FRAMES_AT_ONCE, _FRAMES_TO_DRAW = 16, 32, 4


class Work(NamedTuple):
    """What cells ask of a model."""

    plans: int
    """Searches of the planner's own size; larger ones count as several."""
    frames: int
    """Frames that the encoder sees, those of plans included."""
    env_steps: int = 0
    """Asked of a simulator that steps one state at a time."""


_BEFORE = ("monitors", "episodes")
"""What is done before any suite, and for several of them."""
IN_A_SIMULATOR: Mapping[str, Mapping[str, Work]] = {
    "brief": {
        "monitors": Work(0, 2_100, 7_600),
        "episodes": Work(320, 650, 22_000),
        "planning": Work(315, 1_600, 330_000),
        "representation": Work(0, 2_600),
        "nuisance_shift": Work(1_200, 25_000, 40_000),
        "voe": Work(0, 37_000, 330_000),
        "horizon_drift": Work(0, 800, 26_000),
        "exploitation": Work(100, 900, 22_000),
    },
    "quick": {
        "monitors": Work(0, 3_200),
        "episodes": Work(640, 1_300),
        "planning": Work(630, 3_800),
        "representation": Work(0, 5_000),
        "nuisance_shift": Work(2_400, 50_000),
        "cost": Work(5, 0),
        "voe": Work(0, 56_000),
        "exploitation": Work(670, 2_000),
    },
    "standard": {
        "monitors": Work(0, 4_300),
        "episodes": Work(1_000, 2_000),
        "planning": Work(1_200, 7_200),
        "representation": Work(0, 7_300),
        "nuisance_shift": Work(11_500, 140_000),
        "cost": Work(5, 0),
        "worst_case": Work(250, 900),
        "voe": Work(0, 94_000),
        "horizon_drift": Work(2_000, 15_000),
        "exploitation": Work(6_700, 32_000),
    },
}
"""By profile and suite, with the default criteria: counted on a model that nobody trained. A good
one solves its cases sooner, and is asked more. `brief` was counted in a world that steps one state
at a time, its plans and what nuisances take are reckoned from `quick`; it alone says env steps, of
which longer profiles take several times as many."""
RECORDED: Mapping[str, Mapping[str, Work]] = {
    "quick": {
        "monitors": Work(0, 3_200),
        "representation": Work(0, 3_200),
        "nuisance_shift": Work(0, 11_000),
        "cost": Work(5, 0),
        "voe": Work(0, 35_000),
    },
    "standard": {
        "monitors": Work(0, 3_900),
        "representation": Work(0, 4_300),
        "nuisance_shift": Work(0, 18_000),
        "cost": Work(5, 0),
        "voe": Work(0, 58_000),
    },
}
"""The same where episodes were recorded, and there are as many as the profile asks for."""


class Forecast(NamedTuple):
    """What a run will take, about."""

    seconds: float
    words: str


def foresee(bench: "Bench", suites: Iterable[str], *, has_cells: bool) -> Forecast | None:
    """Time a frame and a plan, and say what a run of them takes; None where that is no minute.

    Args:
        bench: a laid out one; a plan or a frame that cannot be had gives no forecast.
        suites: what will be measured.
        has_cells: whether an earlier run left cells, of which some may be kept.
    """
    work = work_of(bench, suites)
    try:
        frame, plan = _seconds_of_frame(bench), _seconds_of_plan(bench) if work.plans else 0.0
    except Exception:  # the cells will say what is wrong with the model
        return None
    seconds = work.frames * frame + work.plans * plan
    is_slow = bench.recorded is None and getattr(bench.world, "steps_one_by_one", False)
    step = _seconds_of_step(bench) if is_slow else 0.0
    seconds += work.env_steps * step
    if seconds < WORTH_TELLING_SECONDS:
        return None
    parts = [f"{work.frames:,} frames of {frame:.2g} s"]
    if work.plans:
        parts.insert(0, f"{work.plans:,} plans of {plan:.2g} s")
    if is_slow and work.env_steps:
        parts.append(f"{work.env_steps:,} env steps of {step:.2g} s")
    is_more = bench.profile.name == "deep" or (is_slow and not work.env_steps)
    more = "more than " if is_more else ""
    kept = "; cells of an earlier run that still fit are kept" if has_cells else ""
    return Forecast(
        seconds,
        f"{more}{in_words(seconds)} in one process: {', '.join(parts)}{kept}. "
        "A run that is stopped goes on where it stopped",
    )


def work_of(bench: "Bench", suites: Iterable[str]) -> Work:
    """What these suites ask of a model, about."""
    table = IN_A_SIMULATOR if bench.recorded is None else RECORDED
    counted = table.get(bench.profile.name, table["standard"])
    named = [*_BEFORE, *audit.runnable(bench, list(suites))]
    shares = {
        "monitors": len(bench.calibration) / bench.profile.num_calibration_episodes,
        "voe": len(bench.scoring)
        / bench.profile.num_scoring_episodes
        * _share(bench, "violations"),
        "nuisance_shift": _share(bench, "nuisances"),
    }
    parts = [(counted[name], shares.get(name, 1.0)) for name in named if name in counted]
    return Work(
        sum(part.plans for part, _ in parts),
        round(sum(share * part.frames for part, share in parts)),
        sum(part.env_steps for part, _ in parts),
    )


def _share(bench: "Bench", of: Literal["violations", "nuisances"]) -> float:
    """Magnitudes or strengths of the criteria, as a share of those that were counted."""

    def num(criteria: Criteria) -> int:
        if of == "nuisances":
            return sum(map(len, criteria.nuisances.values()))
        return sum(len(violation.magnitudes) for violation in criteria.violations.values())

    return num(bench.criteria) / num(default_criteria())


def _seconds_of_frame(bench: "Bench") -> float:
    """Of encoding it, and of drawing it where that is done one by one as well."""
    states = bench.scoring.states[:_FRAMES_AT_ONCE, 0]
    frames = bench.world.render(states)
    drawing = 0.0
    if getattr(bench.world, "steps_one_by_one", False):
        few = states[:_FRAMES_TO_DRAW]
        drawing = _spent(lambda: bench.world.render(few)) / len(few)
    return drawing + _spent(lambda: latents.encode_frames(bench.model, frames).cpu()) / len(frames)


def _seconds_of_step(bench: "Bench") -> float:
    states = bench.scoring.states[:_FRAMES_AT_ONCE, 0]
    actions = bench.scoring.actions[: len(states), 0]
    return _spent(lambda: bench.world.step(states, actions)) / len(states)


def _seconds_of_plan(bench: "Bench") -> float:
    states = bench.scoring.states[:_PLANS_AT_ONCE]
    frames, goals = (bench.world.render(states[:, time]) for time in (0, -1))

    def plan(num: int) -> float:
        seeds = list(range(num))
        search = bench.planner.plan
        return _spent(lambda: search(bench.model, frames[:num], goals[:num], seeds)) / num

    alone = plan(1)
    if alone > _SLOW_PLAN_SECONDS:
        return alone
    # The first search of a size may still choose how to compute it; the second does not.
    return min(plan(len(frames)) for _ in range(2))


def _spent(compute: Callable[[], object]) -> float:
    started = time.perf_counter()
    compute()
    return time.perf_counter() - started
