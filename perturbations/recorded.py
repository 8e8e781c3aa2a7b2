"""Recorded episodes in place of a world: what can be measured on them, and how they are shared out.

In a world of recorded episodes a state is the address of a frame. Nothing can be stepped in it, so
whatever needs a step, another action or another look is not measured, for the reason given here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envelope.errors import EnvelopeError
from envelope.records import NotMeasured, RecordedEpisodes
from perturbations.statistics.spectra import MIN_STATES
from perturbations.statistics.stats import CONFIDENCE

if TYPE_CHECKING:
    from perturbations.bench import Bench
    from perturbations.profiles import Profile
    from perturbations.protocols import WorldModel
    from perturbations.violations.violation import Violation

NEEDS_SIMULATOR = "needs a simulator: recorded episodes only"
NEEDS_TRUE_STATES = "needs the true state, and the data set has no column of it"
NEEDS_UNITS = "nobody said which numbers of a recorded state are places, and how far a pixel is"
SETTLE = "measure in a simulator of this world, without --data"
_MIN_SCORING = 20
_MIN_FITTING = 10
_NUM_TRANSITIONS = 512
_DEARER_STATES = 4
"""Where a state costs a whole episode, so many fewer are asked for than of a simulator."""


@dataclass(frozen=True)
class Shares:
    """How many episodes go where; none goes to two places."""

    calibration: int
    scoring: int
    fitting: int
    states: int
    """Episodes that give one frame each to what is said of latents alone."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.calibration + self.scoring + self.fitting + self.states


def least_shares(false_alarms: float) -> Shares:
    """The fewest episodes that support thresholds for a rate of false alarms, and the rest."""
    calibration = math.ceil(math.log(1 - CONFIDENCE) / math.log1p(-false_alarms))
    return Shares(calibration, _MIN_SCORING, _MIN_FITTING, MIN_STATES)


def wanted_shares(profile: "Profile", model_steps: int, false_alarms: float) -> Shares:
    """What a profile asks for, where episodes of so many model steps are plentiful."""
    least = least_shares(false_alarms)
    return Shares(
        calibration=max(profile.num_calibration_episodes, least.calibration),
        scoring=max(profile.num_scoring_episodes, least.scoring),
        fitting=max(math.ceil(_NUM_TRANSITIONS / model_steps), least.fitting),
        states=max(profile.num_states // _DEARER_STATES, least.states),
    )


def share_out(num: int, wanted: Shares, least: Shares) -> Shares:
    """Give `num` episodes out: what is wanted, or as much of it to each as to the others.

    Raises:
        EnvelopeError: there are fewer than the least; the message has the number needed.
    """
    if num < least.total:
        raise EnvelopeError(
            f"{num} episodes can be used, {least.total} are needed: {least.calibration} to set "
            f"thresholds on, {least.scoring} to judge them on, {least.fitting} to fit on and "
            f"{least.states} for what is said of latents alone",
            next_step=f"record {least.total - num} more, or state a higher rate of false alarms "
            "in the criteria",
        )
    free = num - least.total
    asked = max(wanted.total - least.total, 1)
    part = min(1.0, free / asked)

    def given(low: int, high: int) -> int:
        return low + int(part * (high - low))

    return Shares(
        calibration=given(least.calibration, wanted.calibration),
        scoring=given(least.scoring, wanted.scoring),
        fitting=given(least.fitting, wanted.fitting),
        states=given(least.states, wanted.states),
    )


def why_not(bench: "Bench", violation: "Violation") -> str:
    """Why clips of this violation cannot be made on a bench; empty where they can."""
    from perturbations.violations.motion import in_units
    from perturbations.violations.splices import NEED_TRUE_STATES, splice_of

    if bench.recorded is None:
        return ""
    if violation.name in NEED_TRUE_STATES and not bench.has_true_states:
        return NEEDS_TRUE_STATES
    if violation.name in NEED_TRUE_STATES and in_units(bench.world, 1.0) is None:
        return NEEDS_UNITS
    least = min(bench.criteria.violations[violation.name].magnitudes)
    if splice_of(violation) is None or not violation.can_be_shown(bench.world, least):
        return NEEDS_SIMULATOR
    return ""


def left_out(bench: "Bench", suites: Sequence[str]) -> list[NotMeasured]:
    """What recorded episodes cannot say."""
    from perturbations.nuisances.classes import find as find_nuisance
    from perturbations.violations.classes import find as find_violation

    data = bench.recorded
    assert data is not None
    found: list[NotMeasured] = []

    def say(what: str, reason: str = NEEDS_SIMULATOR, settle: str = SETTLE) -> None:
        found.append(NotMeasured(what=what, reason=reason, settle=settle))

    if "nuisance_shift" in suites:
        for name in bench.criteria.nuisances:
            shown = find_nuisance(name).directions(bench.world)
            say(f"success under {name}" if shown else f"{name} in any form")
    if "voe" in suites:
        for name in bench.criteria.violations:
            if reason := why_not(bench, find_violation(name)):
                say(f"{name} in any form", reason)
        say(
            "whether a clip breaks the laws of the world",
            "nobody can run them without a simulator; a clip counts where "
            + ("recorded true states" if data.state_column else "pixels")
            + " part by half of what moves in a median block",
        )
    if "horizon_drift" in suites:
        say("how imagined cost orders actions, by horizon")
        if not data.state_column:
            say("error of what is imagined, in the world's units", NEEDS_TRUE_STATES)
    say(
        "alarms while the planner drives",
        "thresholds were set on recorded episodes, whose actions somebody else chose",
    )
    if not data.is_held_out:
        say("episodes that the model was not trained on", *_why_not_held_out(bench.model, data))
    return found


def _why_not_held_out(model: "WorldModel", data: RecordedEpisodes) -> tuple[str, str]:
    """The reason, and what would settle it."""
    seen = seen_in_training(model)
    if data.digest in seen:
        return (
            f"{data.name} is a data set that it was trained on",
            "measure on episodes that were held out",
        )
    if "" in seen:
        return (
            "the checkpoint does not say what it was trained on",
            "train it with lewm train, or import it with --data",
        )
    return (
        f"{data.name} is another data set than it was trained on, and nobody gave their word that "
        "none of its episodes is in both",
        "say --held-out if so it is",
    )


def may_be_held_out(model: "WorldModel", digest: str) -> bool:
    """Whether a model says all that it was trained and tuned on, and this data set is none of it.

    Of a part of the same data, or of the same episodes in another file, nothing is known here: that
    there is none takes somebody's word.
    """
    return not {digest, ""} & seen_in_training(model)


def seen_in_training(model: "WorldModel") -> set[str]:
    """Digests of what a model was trained and tuned on; an empty one where it does not say."""
    runs = [getattr(model, "training", {}), *getattr(model, "tuning", ())]
    data = [run.get("data") if isinstance(run, dict) else None for run in runs]
    return {str(one.get("digest") or "") if isinstance(one, dict) else "" for one in data}
