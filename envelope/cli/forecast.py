"""How long a run will take, said before it begins: counted work, times a timed piece of it."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from envelope.cli.progress import in_words
from perturbations import audit, latents

if TYPE_CHECKING:
    from perturbations.bench import Bench

WORTH_TELLING_SECONDS = 60.0
_SLOW_PLAN_SECONDS = 1.0
_PLANS_AT_ONCE, _FRAMES_AT_ONCE = 16, 32


class Work(NamedTuple):
    """What cells ask of a model."""

    plans: int
    """Searches of the planner's own size; larger ones count as several."""
    frames: int
    """Frames that the encoder sees, those of plans included."""


_BEFORE = ("monitors", "episodes")
"""What is done before any suite, and for several of them."""
IN_A_SIMULATOR: Mapping[str, Mapping[str, Work]] = {
    "quick": {
        "monitors": Work(0, 3_200),
        "episodes": Work(640, 1_300),
        "planning": Work(630, 3_800),
        "representation": Work(0, 5_000),
        "nuisance_shift": Work(2_400, 50_000),
        "voe": Work(0, 56_000),
        "exploitation": Work(670, 2_000),
    },
    "standard": {
        "monitors": Work(0, 4_300),
        "episodes": Work(1_000, 2_000),
        "planning": Work(1_200, 7_200),
        "representation": Work(0, 7_300),
        "nuisance_shift": Work(11_500, 140_000),
        "worst_case": Work(250, 900),
        "voe": Work(0, 94_000),
        "horizon_drift": Work(2_000, 15_000),
        "exploitation": Work(6_700, 32_000),
    },
}
"""By profile and suite, with the default criteria: counted on a model that nobody trained. A good
one solves its cases sooner, and is asked more."""
RECORDED: Mapping[str, Mapping[str, Work]] = {
    "quick": {
        "monitors": Work(0, 3_200),
        "representation": Work(0, 3_200),
        "nuisance_shift": Work(0, 11_000),
        "voe": Work(0, 35_000),
    },
    "standard": {
        "monitors": Work(0, 3_900),
        "representation": Work(0, 4_300),
        "nuisance_shift": Work(0, 18_000),
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
    if seconds < WORTH_TELLING_SECONDS:
        return None
    parts = [f"{work.frames:,} frames of {frame:.2g} s"]
    if work.plans:
        parts.insert(0, f"{work.plans:,} plans of {plan:.2g} s")
    more = "more than " if bench.profile.name == "deep" else ""
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
        "voe": len(bench.scoring) / bench.profile.num_scoring_episodes,
    }
    parts = [(counted[name], shares.get(name, 1.0)) for name in named if name in counted]
    return Work(
        sum(part.plans for part, _ in parts),
        round(sum(share * part.frames for part, share in parts)),
    )


def _seconds_of_frame(bench: "Bench") -> float:
    frames = bench.world.render(bench.scoring.states[:_FRAMES_AT_ONCE, 0])
    return _spent(lambda: latents.encode_frames(bench.model, frames).cpu()) / len(frames)


def _seconds_of_plan(bench: "Bench") -> float:
    frames = bench.world.render(bench.cases.starts[:_PLANS_AT_ONCE])
    goals = bench.world.render(bench.cases.goals[:_PLANS_AT_ONCE])

    def plan(num: int) -> float:
        seeds = list(range(num))
        search = bench.planner.plan
        return _spent(lambda: search(bench.model, frames[:num], goals[:num], seeds)) / num

    alone = plan(1)
    return alone if alone > _SLOW_PLAN_SECONDS else plan(len(frames))


def _spent(compute: Callable[[], object]) -> float:
    started = time.perf_counter()
    compute()
    return time.perf_counter() - started
