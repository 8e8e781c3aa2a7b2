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
_NOT_DRIVEN = "on recorded episodes, so nothing is known while the planner drives"
_RUN_THE_WORLD = {"planning", "worst_case", "exploitation"}
_EPISODES = "input_scope.recorded_episodes"


def without_simulator(claims: list[Claim], measurements: Measurements) -> list[Claim]:
    """The claims as recorded episodes support them; each of them rests on the data set."""
    data = measurements.plan.recorded
    if data is None:
        return claims
    reasons = {one.what: one.reason for one in measurements.not_measured}
    return [_settled(claim, data, reasons) for claim in claims]


def _settled(claim: Claim, data: RecordedEpisodes, reasons: dict[str, str]) -> Claim:
    reason = _why_open(claim, data, reasons)
    rests_on = claim.rests_on
    if "input_scope" not in rests_on:
        rests_on = [*rests_on, _EPISODES]
    is_of_episodes = claim.id == DRIFT or claim.id.startswith("monitor.")
    if not reason and is_of_episodes and claim.verdict == "holds":
        return claim.model_copy(
            update={
                "verdict": "unknown",
                "outcome": "inconclusive",
                "reason": f"{claim.reason}; {_NOT_DRIVEN}",
                "rests_on": rests_on,
            }
        )
    if not reason:
        return claim.model_copy(update={"rests_on": rests_on})
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
