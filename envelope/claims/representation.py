"""Is there enough of the world in the latents for a planner to follow?"""

from collections.abc import Callable, Sequence
from functools import partial

from envelope.claims.evidence import Evidence
from envelope.claims.rules import MODEL, OUTCOMES, SEARCH, WORLD, Judged, Rule
from envelope.claims.sizes import Counted
from envelope.claims.words import at_least, figures, number, settle
from envelope.records import Claim, Criteria, Family, Verdict

_SUITE = "representation"


def representation_claims(evidence: Evidence, criteria: Criteria) -> list[Claim]:
    """Rank, geometry, response to actions, and that a frame has one latent."""
    rank = criteria.effective_rank_at_least
    geometry = criteria.distance_rank_at_least
    response = criteria.action_sensitivity_at_least
    return [
        _claim(
            "steady",
            "F3",
            "A frame has one latent, whenever and with whichever other frames it is encoded.",
            "every frame the same, twice and alone as in a batch",
            (*MODEL, *WORLD),
            partial(_steady, evidence),
        ),
        _claim(
            "effective_rank",
            "F3",
            f"Latents of the world's states have an effective rank of at least {number(rank)}.",
            f"effective_rank >= {number(rank)}",
            (*MODEL, *WORLD),
            partial(_at_least, evidence, "cloud", "effective rank", rank, "states"),
        ),
        _claim(
            "distance_rank",
            "F1",
            "Latent distance ranks pairs of states as true distance does, with a rank correlation "
            f"of at least {number(geometry)}.",
            f"distance_rank >= {number(geometry)}",
            (*MODEL, *WORLD),
            partial(_at_least, evidence, "pairs", "rank correlation", geometry, "pairs"),
        ),
        _claim(
            "action_sensitivity",
            "F3",
            f"The imagined answer to another action follows at least {number(response)} of the "
            "real one.",
            f"action_sensitivity >= {number(response)}",
            (*MODEL, "input_scope", *SEARCH),
            partial(
                _at_least,
                evidence,
                "actions",
                "action sensitivity",
                response,
                "episodes",
            ),
        ),
    ]


def _claim(
    name: str,
    family: Family,
    statement: str,
    criterion: str,
    rests_on: Sequence[str],
    judge: Callable[[], Judged],
) -> Claim:
    return Rule(
        id=f"{_SUITE}.{name}",
        family=family,
        is_bound=False,
        statement=statement,
        criterion=criterion,
        rests_on=rests_on,
        suites=(_SUITE,),
    ).claim(judge)


_QUANTITIES = {
    "cloud": "effective_rank",
    "pairs": "distance_rank",
    "actions": "action_sensitivity",
}
"""What a claim is about, by what its cell asks."""
_COUNTED: dict[str, Counted] = {"cloud": "states", "pairs": "pairs", "actions": "episodes"}
"""What its estimate is over."""


def _at_least(evidence: Evidence, asks: str, words: str, limit: float, units: str) -> Judged:
    _need_rows(evidence, asks)
    measurement, found = evidence.need(f"{_SUITE}/{_QUANTITIES[asks]}")
    verdict = at_least(found, limit)
    reason = f"{words} {figures(found, limit)}, {found.episodes} {units}; needed >= {number(limit)}"
    if verdict == "unknown":
        reason += f"; {settle(found, limit, evidence.plan, _COUNTED[asks])}"
    return Judged(verdict, OUTCOMES[verdict], reason, [measurement], found)


def _need_rows(evidence: Evidence, asks: str) -> None:
    evidence.need_suite(_SUITE)
    evidence.need_rows(evidence.cells(_SUITE, asks=asks), f"{_SUITE}, asking about {asks}")


def _steady(evidence: Evidence) -> Judged:
    _need_rows(evidence, "steady")
    known = [evidence.need(f"{_SUITE}/steady", seen=seen) for seen in ("twice", "together")]
    twice, together = (one.estimate for one in known)
    worst = min(known, key=lambda one: one.estimate.value)
    reason = (
        f"{number(twice.value)} of {twice.episodes} frames have the same latent twice, "
        f"{number(together.value)} the same alone as in a batch; needed all"
    )
    if twice.value < 1:
        reason += "; is dropout left on?"
    elif together.value < 1:
        reason += "; is BatchNorm in training mode?"
    verdict: Verdict = "holds" if worst.estimate.value == 1 else "fails"
    return Judged(
        verdict, OUTCOMES[verdict], reason, [one.measurement for one in known], worst.estimate
    )
