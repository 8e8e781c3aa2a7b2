"""What recorded episodes leave open, whatever else the record says.

Decided last and by the plan alone: no summary, however it came into the record, makes a claim about
a closed loop that nobody ran.
"""

from envelope.claims.rules import CLOSED_LOOP
from envelope.fields import DRIFT
from envelope.records import Claim, Measurements, RecordedEpisodes

NEEDS_SIMULATOR = "needs a simulator: recorded episodes only"
SETTLE = "a run in a simulator of this world, without --data"
_NEEDS_TRUE_STATE = "needs the true state, and the data set has no column of it"
_NOT_DRIVEN = " On recorded episodes, which no planner drove"
_BY_DECLARATION = " and, as whoever measured says, the model was not trained on"
_NOT_HELD_OUT = "not shown on episodes that the model was not trained on"
_RUN_THE_WORLD = {"planning", "worst_case", "exploitation"}
_EPISODES = "input_scope.recorded_episodes"
_ACTIONS = "representation.action_sensitivity"


def without_simulator(claims: list[Claim], measurements: Measurements) -> list[Claim]:
    """The claims as recorded episodes support them; each of them rests on the data set.

    What is said of whole episodes, or of the answer to an action, is said of the actions that were
    recorded, and lapses where a planner chooses them (`input_scope.driven_by`).
    """
    data, planner = measurements.plan.recorded, measurements.planner_scope
    if data is None:
        return claims
    reasons = {one.what: one.reason for one in measurements.not_measured}
    num_env_steps = data.model_steps_per_episode * planner.block_size
    budget = planner.conventions.budget_env_steps
    is_too_short = ""
    if num_env_steps < budget:
        is_too_short = f"thresholds were set on {num_env_steps} env steps, an episode has {budget}"
    return [_settled(claim, data, reasons, is_too_short) for claim in claims]


def _settled(
    claim: Claim, data: RecordedEpisodes, reasons: dict[str, str], is_too_short: str
) -> Claim:
    reason = _why_open(claim, data, reasons)
    rests_on = claim.rests_on
    if "input_scope" not in rests_on:
        rests_on = [*rests_on, _EPISODES]
    if reason:
        return claim.model_copy(
            update={
                "verdict": "unknown",
                "outcome": "not_measured",
                "reason": reason,
                "rests_on": rests_on,
                "evidence": [],
                "estimate": None,
            }
        )
    if claim.id not in (DRIFT, _ACTIONS) and not claim.id.startswith("monitor."):
        return claim.model_copy(update={"rests_on": rests_on})
    statement = f"{claim.statement}{_NOT_DRIVEN}{_BY_DECLARATION if data.is_held_out else ''}."
    changes: dict[str, object] = {"statement": statement, "rests_on": rests_on}
    doubts = [] if data.is_held_out else [_NOT_HELD_OUT]
    if is_too_short and claim.id.endswith(".false_alarms"):
        doubts.append(is_too_short)
    if claim.verdict == "holds" and doubts:
        changes |= {"verdict": "unknown", "outcome": "inconclusive"}
        changes["reason"] = "; ".join([claim.reason, *doubts])
    return claim.model_copy(update=changes)


def _why_open(claim: Claim, data: RecordedEpisodes, reasons: dict[str, str]) -> str:
    """Why nothing can be said; empty where the rows decide."""
    if set(CLOSED_LOOP) <= set(claim.rests_on) or _RUN_THE_WORLD & set(claim.suites):
        return NEEDS_SIMULATOR
    if claim.id == "representation.distance_rank" and not data.state_column:
        return _NEEDS_TRUE_STATE
    violation = claim.id.split(".", 2)[-1]
    if claim.suites == ["voe"] and claim.outcome == "not_measured":
        return reasons.get(f"{violation} in any form", "")
    return ""
