"""The fields that a deployment has to declare, how each is compared, and why a change matters.

One table for both sides: `triggers` writes it into the record, `scope` holds a deployment to it.
Paths are the same in the record and in the deploy file. The table of changes that it follows is in
facts/peers.md 5.
"""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Any, Literal

Comparison = Literal["equal", "within", "at_most", "subset", "digest_equal"]
Meanwhile = Literal["stop", "restrict", "tighten_monitor"]

EXPLOITATION = "exploitation.more_search"
MIGRATION = "migration.candidate"
DRIFT = "drift.usable_horizon"
SUITE_OF = {EXPLOITATION: "exploitation", MIGRATION: "migration", DRIFT: "horizon_drift"}
"""Suites that would measure a claim which a change brings newly into scope."""


@dataclass(frozen=True)
class Field:
    """One declared quantity."""

    path: str
    comparison: Comparison
    reason: str
    """Why leaving it ends reliance, as a sentence."""
    brings_in: tuple[str, ...] = ()
    """Claims that a larger or another value brings newly into scope."""
    meanwhile: Meanwhile = "stop"


INPUT = (
    Field("input_scope.world", "equal", "Another world moves and looks differently."),
    Field(
        "input_scope.observation.size_px",
        "equal",
        "The encoder was measured on frames of this size.",
    ),
    Field(
        "input_scope.observation.env_steps_per_frame",
        "equal",
        "How far the world moves between two frames decides every prediction error.",
    ),
    Field(
        "input_scope.factors",
        "equal",
        "Factors of variation off their default change what a frame shows.",
    ),
)

_SEARCH = "Another search finds other errors of the model."
PLANNER = (
    Field("planner_scope.algorithm", "equal", _SEARCH, (EXPLOITATION,)),
    Field(
        "planner_scope.num_samples",
        "within",
        "More search finds more errors of the model, less search finds worse plans.",
        (EXPLOITATION,),
        "restrict",
    ),
    Field(
        "planner_scope.iterations",
        "within",
        "More search finds more errors of the model, less search finds worse plans.",
        (EXPLOITATION,),
        "restrict",
    ),
    Field("planner_scope.elites", "equal", _SEARCH),
    Field(
        "planner_scope.horizon",
        "within",
        "Errors compound with the horizon, and a longer plan has more of them to exploit.",
        (DRIFT, EXPLOITATION),
        "restrict",
    ),
    Field(
        "planner_scope.block_size", "equal", "Env steps per model step decide what one step means."
    ),
    Field(
        "planner_scope.execute_blocks",
        "within",
        "Replanning later lets errors grow, replanning sooner changes the search.",
        (),
        "restrict",
    ),
    Field("planner_scope.history", "equal", "The predictor was measured with this much context."),
    Field("planner_scope.cost", "equal", "Another cost ranks plans differently.", (EXPLOITATION,)),
    Field("planner_scope.options", "equal", _SEARCH),
)

CONVENTIONS = (
    Field(
        "planner_scope.conventions.action_scale",
        "equal",
        "Actions scaled differently are other actions.",
    ),
    Field(
        "planner_scope.conventions.batchnorm",
        "equal",
        "BatchNorm in another mode is another model.",
    ),
    Field(
        "planner_scope.conventions.success_rule",
        "equal",
        "Another success rule counts other episodes.",
    ),
    Field(
        "planner_scope.conventions.goal_offset_env_steps",
        "within",
        "Goals farther away were not planned for.",
        (),
        "restrict",
    ),
    Field(
        "planner_scope.conventions.budget_env_steps",
        "within",
        "A smaller budget of env steps ends episodes before they succeed, a larger one gives a "
        "monitor longer to alarm.",
        (),
        "restrict",
    ),
    Field(
        "planner_scope.conventions.solver_batch",
        "equal",
        "The batch of the solver can move what each case draws.",
    ),
    Field(
        "planner_scope.conventions.dtype", "equal", "Another precision rounds costs differently."
    ),
    Field("planner_scope.conventions.device", "equal", "Another device rounds costs differently."),
)

MODEL = (
    Field("model_state.adapter", "equal", "Another adapter reads the model differently."),
    Field(
        "model_state.tuning",
        "equal",
        "A tuning step can improve probes and worsen planning and monitoring.",
        (MIGRATION,),
    ),
)

FIXED = (*MODEL, *INPUT, *PLANNER, *CONVENTIONS)
"""All fields whose path does not depend on the record."""

TENSORS = Field(
    "model_state.tensor_digest",
    "digest_equal",
    "Other weights are another model.",
    (MIGRATION,),
)
RECORDED = Field(
    "input_scope.recorded_episodes",
    "equal",
    "Only these episodes were seen: other ones may look or move otherwise.",
)
DRIVEN = Field(
    "input_scope.driven_by",
    "equal",
    "Who chooses the actions decides where episodes lead: a threshold set on recorded episodes "
    "promises nothing while the planner drives.",
)
BY_PLANNER = "planner"
"""Who drives wherever nothing else is said."""
OF_RECORDED = (RECORDED, DRIVEN)
"""Where recorded episodes are all that was measured on."""
_NUISANCE = "input_scope.nuisance."
ANY_BATCH = "any"
"""A recorded `solver_batch`: each case has its own stream, so its batch moves nothing."""


def nuisance_field(name: str) -> Field:
    """The admitted range of one nuisance class."""
    return Field(
        f"{_NUISANCE}{name}",
        "subset",
        f"Success under more {name} was not measured, or not kept.",
        (),
        "restrict",
    )


def monitor_fields(name: str) -> tuple[Field, Field]:
    """Threshold and stated rate of one monitor."""
    return (
        Field(
            f"monitors.{name}.threshold",
            "equal",
            "Another threshold has other blind spots and other false alarms.",
            (),
            "tighten_monitor",
        ),
        Field(
            f"monitors.{name}.false_alarms_per_episode",
            "equal",
            "The threshold was calibrated for this rate.",
            (),
            "tighten_monitor",
        ),
    )


_FALSE_ALARMS, _QUIET = ".false_alarms", ".quiet_under_nuisance"


def is_shown_within(claim: str, path: str, quiet: Container[str]) -> bool:
    """Whether the range of a field is where this claim was shown, and not its nominal value.

    Args:
        claim: its id.
        path: of a planner field or a nuisance that has a range.
        quiet: claims that hold; a monitor whose quiet is not among them may alarm under a nuisance.
    """
    is_alarm = claim.startswith("monitor.") and claim.endswith(_FALSE_ALARMS)
    if path.startswith(_NUISANCE):
        if is_alarm:
            return claim.removesuffix(_FALSE_ALARMS) + _QUIET in quiet
        shown = claim.startswith(("nuisance.", "worst_case.")) or claim.endswith(_QUIET)
        return shown or claim == "planning.success"
    if claim == "drift.goal_offset":
        return path.endswith(".goal_offset_env_steps")
    return claim == "planning.success" or is_alarm


def is_lost_together(claim: str, *, is_several: bool, is_beyond: bool) -> bool:
    """Whether a nuisance off nominal, inside its own range, is not as it was for this claim.

    Args:
        claim: its id.
        is_several: whether other nuisances are off nominal too; what the monitors do then is
            measured and judged by no claim.
        is_beyond: whether it lies beyond the box in which several may be.
    """
    if claim in ("nuisance.joint", "worst_case.joint"):
        return is_beyond
    return is_several and claim.startswith("monitor.") and claim.endswith((_FALSE_ALARMS, _QUIET))


def value_at(record: Any, path: str) -> Any:
    """What stands at a dotted path of a record; None where something on the way is absent."""
    for name in path.split("."):
        if record is None:
            return None
        record = getattr(record, name)
    return record


def covers(rests_on: Iterable[str], path: str) -> bool:
    """Whether a claim that rests on these paths rests on what stands at `path`."""
    return any(path == one or path.startswith(f"{one}.") for one in rests_on)
