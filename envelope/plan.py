"""The smallest set of suites that would make the record speak about this deployment again."""

from collections.abc import Collection, Sequence

from envelope.deploy import Deployment
from envelope.fields import BY_PLANNER, DRIVEN, value_at
from envelope.lapses import Lapse
from envelope.records import Envelope, Record

_COST = ("horizon", "num_samples", "iterations")
"""Fields of the planner scope in which the cost of one plan is linear."""
_OPEN_LOOP = ("voe",)
"""Suites that make no plans, so that a costlier planner leaves them alone."""
_OPTIONS = {
    "--world": "input_scope.world",
    "--adapter": "model_state.adapter",
    "--device": "planner_scope.conventions.device",
}
"""Options of `measure` for what it does not take from a deploy file."""
_OWN_CLAIM = ("input_scope.", "")
"""Turns the field of a nuisance into the id of its claim, which has to be settled in any case."""


class SuiteCost(Record):
    """One suite to run again."""

    suite: str
    seconds: float | None
    """Estimate on the machine that measured; None for a suite that is not part of the record."""


class RunAgain(Record):
    """What to run, how long it takes, and how."""

    suites: list[SuiteCost]
    seconds: float | None
    """Sum over the suites whose cost is known; None where there is none."""
    command: str
    """Exact command; it runs only the cells that rest on what changed. Empty where no suite of the
    record has to run."""


def run_again(
    envelope: Envelope,
    deployment: Deployment,
    lapses: Sequence[Lapse],
    *,
    checkpoint: str,
    relied_on: Collection[str],
    unsettled: Collection[str] = (),
) -> RunAgain:
    """Collect the suites behind claims that are relied on and lapsed, or newly in scope.

    A field that is merely undeclared needs no measurement, only a declaration, and a nuisance
    inside its range none either: what lapses there is measured at nominal alone.

    Args:
        envelope: the record, whose timing prices the suites.
        deployment: what they have to be run for.
        lapses: the fields that are not inside.
        checkpoint: path of the model.
        relied_on: ids of claims; a lapse that takes none of them asks for all of its suites.
        unsettled: ids of claims that are relied on and unknown, or expired.
    """
    suites_of = {claim.id: claim.suites for claim in envelope.claims}
    of_record = {suite.name for suite in envelope.suites}
    needed: list[str] = []
    for lapse in lapses:
        is_nuisance = lapse.result.status == "inside" and lapse.result.axis == "nuisance"
        if lapse.result.status == "undeclared" or is_nuisance:
            continue
        taken = [claim for claim in lapse.claims if claim in relied_on]
        if lapse.result.status == "inside" and not taken:
            continue
        asked = [*taken, *lapse.brings_in, lapse.result.field.replace(*_OWN_CLAIM)]
        behind = {suite for claim in asked for suite in suites_of.get(claim, [])}
        needed += [
            suite
            for suite in lapse.suites
            if not taken or suite in behind or suite not in of_record
        ]
    needed += [suite for claim in unsettled for suite in suites_of.get(claim, [])]
    scale = _scale(envelope, deployment)
    profile = _profile(envelope, lapses, unsettled)
    costs = [
        SuiteCost(suite=suite, seconds=None)
        if profile != envelope.profile
        else _cost(envelope, suite, scale)
        for suite in dict.fromkeys(needed)
    ]
    known = [cost.seconds for cost in costs if cost.seconds is not None]
    return RunAgain(
        suites=costs,
        seconds=sum(known) if known else None,
        command=_command(envelope, deployment, checkpoint, profile)
        if of_record & set(needed)
        else "",
    )


def _cost(envelope: Envelope, suite: str, scale: float) -> SuiteCost:
    seconds = envelope.timing.suite_seconds.get(suite)
    if seconds is not None and suite not in _OPEN_LOOP:
        seconds *= scale
    return SuiteCost(suite=suite, seconds=seconds)


def _scale(envelope: Envelope, deployment: Deployment) -> float:
    """How much more one plan costs in the deployment than in the record."""
    scale = 1.0
    for name in _COST:
        declared = value_at(deployment.file, f"planner_scope.{name}")
        recorded = value_at(envelope, f"planner_scope.{name}")
        if declared and recorded:
            scale *= declared / recorded
    return scale


def _profile(envelope: Envelope, lapses: Sequence[Lapse], unsettled: Collection[str]) -> str:
    """The record's own, or `standard` where the `quick` one would leave the question open again.

    A nuisance needs closed-loop cells between nominal and the strongest; `quick` runs none.
    """
    asked = [lapse.result.field for lapse in lapses if lapse.result.status != "undeclared"]
    open_claims = {claim.id for claim in envelope.claims if claim.verdict == "unknown"}
    is_nuisance = any(field.startswith("input_scope.nuisance.") for field in asked) or any(
        claim.startswith("nuisance.") for claim in open_claims & set(unsettled)
    )
    return "standard" if is_nuisance and envelope.profile == "quick" else envelope.profile


def _command(envelope: Envelope, deployment: Deployment, checkpoint: str, profile: str) -> str:
    """Measure all, as declared: cells that rest on nothing that changed are kept from before."""
    import shlex

    words = ["envelope", "measure", "--model", checkpoint, "--profile", profile]
    words += ["--seed", str(envelope.seed)]
    for option, field in _OPTIONS.items():
        declared = value_at(deployment.file, field)
        if declared is not None and declared != value_at(envelope, field):
            words += [option, str(declared)]
    drives = value_at(deployment.file, DRIVEN.path)
    if envelope.input_scope.recorded_episodes and drives != BY_PLANNER:  # it drives in a simulator
        words += ["--data", "EPISODES"]
    return shlex.join([*words, "--deploy", deployment.name])
