"""A verdict in words."""

import json
import textwrap
from collections.abc import Iterable, Sequence

from envelope.records.units import in_unit
from envelope.verdict import ClaimStanding, Reason, Verdict

_WORDS = {
    "field_outside": "OUTSIDE",
    "field_unmeasured": "UNMEASURED",
    "second_axis_unmeasured": "UNMEASURED",
    "relies_on_nothing": "UNDECLARED",
    "claim_not_recorded": "UNMEASURED",
    "claim_fails": "FAILS",
    "claim_unknown": "UNKNOWN",
    "blind_spot": "OUTSIDE",
    "required_claim_dropped": "OUTSIDE",
    "expired": "EXPIRED",
    "superseded": "SUPERSEDED",
}
_OF_CLAIMS = {
    "claim_not_recorded",
    "claim_fails",
    "claim_unknown",
    "blind_spot",
    "required_claim_dropped",
}


def text_of(verdict: Verdict) -> str:
    """All lines of a verdict, without a final newline."""
    return "\n".join(_lines(verdict))


def value_text(value: object, unit: str = "") -> str:
    """A declared or admitted value as people read it."""
    match value:
        case [float() | int() as low, float() | int() as high]:
            text = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        case float() | int() if not isinstance(value, bool):
            text = f"{value:.10g}"
        case str():
            text = value
        case None:
            text = "nothing"
        case _:
            text = json.dumps(value)
    return in_unit(text, unit) if unit else text


def duration_text(seconds: float) -> str:
    """About how long, in the unit that fits."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def _lines(verdict: Verdict) -> Iterable[str]:
    relied = [claim for claim in verdict.claims if claim.relied_on]
    if verdict.reasons:
        yield from _reasons(verdict)
        yield from _lapsed(verdict)
        standing = [claim.id for claim in relied if claim.stands]
        yield from _wrapped("Claims relied on that still hold: ", standing)
        yield from _wrapped("Newly in scope, not measured for this: ", verdict.newly_in_scope)
        yield from _run_again(verdict)
    else:
        many = "the claim relied on holds" if len(relied) == 1 else f"all {len(relied)} claims hold"
        yield f"INSIDE what was measured: every field is admitted, and {many}"
        yield from (f"  {claim.id}: {claim.reason}" for claim in relied)
    yield from _others([claim for claim in verdict.claims if not claim.relied_on])
    yield (
        f"Record: {verdict.state.replace('_', ' ')}; measured {verdict.measured_at}, valid until "
        f"{verdict.valid_until}, {verdict.assurance.replace('_', ' ')}"
    )
    yield f"Model: {verdict.model}"


def _reasons(verdict: Verdict) -> Iterable[str]:
    undeclared = [
        f"{one.subject} ({one.message})"
        for one in verdict.reasons
        if one.code == "field_undeclared"
    ]
    if all(one.code == "claim_lapsed" for one in verdict.reasons):
        yield (
            "OUTSIDE by relies_on: every field is admitted, but claims relied on were not shown "
            "for these\n    values. Take them off relies_on, or measure again."
        )
    for one in verdict.reasons:
        if one.code in _OF_CLAIMS:
            yield f"{_WORDS[one.code]}: {one.subject}: {one.message}{_place(verdict, one)}"
        elif one.code in _WORDS:
            yield f"{_WORDS[one.code]} by {one.subject}: {one.message}{_place(verdict, one)}"
    yield from _wrapped("UNDECLARED, so outside: ", undeclared)


def _place(verdict: Verdict, reason: Reason) -> str:
    return f" ({verdict.deploy_name}:{reason.line})" if reason.line else ""


def _lapsed(verdict: Verdict) -> Iterable[str]:
    lapsed = [one for one in verdict.claims if one.lapsed_by and one.verdict == "holds"]
    relied = [one for one in lapsed if one.relied_on]
    if relied:
        yield "Claims relied on that no longer hold, by the field they rest on:"
    together: dict[tuple[str, ...], list[str]] = {}
    for field in dict.fromkeys(field for one in relied for field in one.lapsed_by):
        names = tuple(one.id for one in relied if field in one.lapsed_by)
        together.setdefault(names, []).append(field)
    for names, fields in together.items():
        yield from _wrapped(f"  {', '.join(fields)}: ", names)
    rest = [one.id for one in lapsed if not one.relied_on]
    yield from _wrapped("Not relied on, and no longer holding: ", rest)


def _run_again(verdict: Verdict) -> Iterable[str]:
    plan = verdict.run_again
    if not plan.suites:
        return
    total = f", about {duration_text(plan.seconds)}" if plan.seconds is not None else ""
    yield f"Measure again{total}:"
    for cost in plan.suites:
        known = f"about {duration_text(cost.seconds)}" if cost.seconds is not None else None
        yield f"  {cost.suite}: {known or 'no such run in this record, cost unknown'}"
    if plan.command:
        yield f"  {plan.command}"


def _others(claims: list[ClaimStanding]) -> Iterable[str]:
    by_outcome: dict[str, list[str]] = {}
    for claim in claims:
        if claim.verdict != "holds":
            outcome = claim.outcome.replace("_", " ")
            word = claim.verdict if outcome == "not met" else f"{claim.verdict}, {outcome}"
            word = outcome if outcome.startswith("fails") else word
            by_outcome.setdefault(word, []).append(claim.id)
    if by_outcome:
        yield "Not relied on, and not shown to hold:"
    for word in sorted(by_outcome):
        yield from _wrapped(f"  {word}: ", by_outcome[word])


def _short(names: Sequence[str]) -> Iterable[str]:
    """Names with the claims of one monitor in braces, in the order of their first."""
    together: dict[str, list[str]] = {}
    for name in names:
        kind, *rest = name.split(".", 2)
        whose = f"{kind}.{rest[0]}." if kind == "monitor" and len(rest) == 2 else name
        together.setdefault(whose, []).append(name.removeprefix(whose))
    for whose, endings in together.items():
        yield whose + (endings[0] if len(endings) == 1 else f"{{{', '.join(endings)}}}")


def _wrapped(heading: str, names: Sequence[str]) -> Iterable[str]:
    if names:
        yield from textwrap.wrap(
            heading + ", ".join(_short(names)),
            width=100,
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
