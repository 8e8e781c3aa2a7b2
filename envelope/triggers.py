"""Which change ends reliance on which claims, written into the record beside them."""

from collections.abc import Iterable
from dataclasses import replace

from envelope.fields import (
    ANY_BATCH,
    DRIFT,
    FIXED,
    OF_RECORDED,
    SUITE_OF,
    TENSORS,
    Field,
    covers,
    is_shown_within,
    monitor_fields,
    nuisance_field,
)
from envelope.records import Claim, Monitor, NuisanceScope, PlannerScope, Trigger

_MOST_NAMED = 3


def make_triggers(
    claims: list[Claim],
    planner: PlannerScope,
    nuisance: dict[str, NuisanceScope],
    monitors: list[Monitor],
    *,
    is_recorded: bool = False,
) -> list[Trigger]:
    """One trigger per field and kind of change.

    A field that has a range has up to three: leaving the range lapses what was shown on all of it,
    any other value than the nominal one lapses what was shown at that alone, and only a longer
    horizon lapses the drift claim, since a shorter look ahead cannot drift farther. Exceeding the
    range of a planner field brings other families into scope.
    """
    quiet = {claim.id for claim in claims if claim.verdict == "holds"}
    ranges = {f"planner_scope.{name}" for name in planner.admitted}
    ranges |= {
        nuisance_field(name).path
        for name, scope in nuisance.items()
        if scope.admitted.low < scope.admitted.high
    }
    fields = [TENSORS, *FIXED, *(OF_RECORDED if is_recorded else [])]
    fields += [nuisance_field(name) for name in nuisance]
    fields += [field for monitor in monitors for field in monitor_fields(monitor.name)]
    is_any_batch = planner.conventions.solver_batch == ANY_BATCH
    found: list[Trigger] = []
    for field in fields:
        if is_any_batch and field.path.endswith(".solver_batch"):
            continue
        resting = [claim for claim in claims if covers(claim.rests_on, field.path)]
        if field.comparison in ("within", "subset"):
            growing = [c for c in resting if c.id == DRIFT and DRIFT in field.brings_in]
            resting = [claim for claim in resting if claim not in growing]
            exact = []
            if field.path in ranges:
                exact = [one for one in resting if not is_shown_within(one.id, field.path, quiet)]
            found += _trigger(field, [claim for claim in resting if claim not in exact])
            found += _trigger(replace(field, comparison="equal"), exact)
            found += _trigger(field, growing, only_growing=True)
        else:
            found += _trigger(field, resting, field.brings_in)
    return found


def _trigger(
    field: Field,
    claims: list[Claim],
    brings_in: Iterable[str] = (),
    *,
    only_growing: bool = False,
) -> list[Trigger]:
    names = list(field.brings_in if only_growing else brings_in)
    if not claims and not names:
        return []
    suites = [suite for claim in claims for suite in claim.suites]
    suites += [SUITE_OF[name] for name in names]
    return [
        Trigger(
            field=field.path,
            comparison="at_most" if only_growing else field.comparison,
            claims=[claim.id for claim in claims],
            brings_in=names,
            suites=list(dict.fromkeys(suites)),
            acceptance=_acceptance(claims, names),
            meanwhile=field.meanwhile,
            reason=field.reason,
        )
    ]


def _acceptance(claims: list[Claim], brings_in: list[str]) -> str:
    criteria = list(dict.fromkeys(claim.criterion for claim in claims))
    named = "; ".join(criteria[:_MOST_NAMED])
    more = f"; and {len(criteria) - _MOST_NAMED} more" if len(criteria) > _MOST_NAMED else ""
    parts = []
    if criteria:
        parts.append(f"Each lapsed claim holds again under the same criteria: {named}{more}.")
    if brings_in:
        parts.append(f"Measured and holding under the same criteria: {', '.join(brings_in)}.")
    return " ".join(parts)
