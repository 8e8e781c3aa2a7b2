"""From fields that left the envelope to the claims that no longer hold."""

from collections.abc import Sequence
from dataclasses import dataclass

from envelope.fields import SUITE_OF, TENSORS, covers, is_lost_together
from envelope.records import Envelope, Trigger
from envelope.scope import CHECKPOINT, FieldResult


@dataclass(frozen=True)
class Lapse:
    """One field outside, and all that follows from it."""

    result: FieldResult
    claims: tuple[str, ...]
    brings_in: tuple[str, ...]
    suites: tuple[str, ...]
    """Suites behind all of these claims, relied on or not."""


def find_lapses(envelope: Envelope, results: Sequence[FieldResult]) -> list[Lapse]:
    """What each field that is not inside takes with it, and each that is but not as measured.

    A planner field or a nuisance off its nominal value, inside what is admitted, takes the claims
    that were shown at that value alone.
    """
    found = [_lapse(envelope, result) for result in results if result.status != "inside"]
    off = [one for one in results if one.status == "inside" and one.axis]
    return found + [lapse for one in off if (lapse := _lapse(envelope, one)).claims]


def _lapse(envelope: Envelope, result: FieldResult) -> Lapse:
    path = TENSORS.path if result.field == CHECKPOINT else result.field
    listed = [trigger for trigger in envelope.revalidation_triggers if trigger.field == path]
    fired = [trigger for trigger in listed if _fires(trigger, result)]
    if listed:
        claims = [claim for trigger in fired for claim in trigger.claims]
        claims += [claim.id for claim in envelope.claims if _is_lost(claim.id, result)]
    else:
        # A field without a trigger of its own, such as a nuisance that was never measured.
        claims = [claim.id for claim in envelope.claims if covers(claim.rests_on, path)]
    is_new = result.status not in ("undeclared", "inside")
    brings_in = [name for trigger in fired for name in trigger.brings_in if is_new]
    behind = {suite for claim in envelope.claims if claim.id in claims for suite in claim.suites}
    suites = [suite.name for suite in envelope.suites if suite.name in behind]
    suites += [SUITE_OF[name] for name in brings_in if name in SUITE_OF]
    return Lapse(
        result,
        tuple(dict.fromkeys(claims)),
        tuple(dict.fromkeys(brings_in)),
        tuple(dict.fromkeys(suites)),
    )


def _is_lost(claim: str, result: FieldResult) -> bool:
    return (
        result.status == "inside"
        and result.axis == "nuisance"
        and is_lost_together(claim, is_several=result.is_several, is_beyond=result.is_beyond_box)
    )


def _fires(trigger: Trigger, result: FieldResult) -> bool:
    """Everything but `at_most` fires on any change; that one only on growth, or on silence.

    Inside a range that is admitted, what was shown on all of it stays.
    """
    if result.status == "inside" and trigger.comparison in ("within", "subset"):
        return False
    if trigger.comparison != "at_most":
        return True
    return result.is_growing or result.status == "undeclared"
