"""What each strength of a nuisance does: holds, fails loudly, fails silently, or unknown."""

from envelope.records import NuisanceScope, Outcome, Strength, Verdict
from reports.html import Html, Node, group, tag
from reports.parts import table
from reports.words import OUTCOME_WORDS, amount, mark, short

_FAILING = ("fails_loudly", "fails_silently", "fails_alarm_unknown")
_HEADS = ("strength", "amount", "where", "outcome")


def strengths(scope: NuisanceScope) -> Html | None:
    """A table of the directions that ran in closed loop, and which ones did not."""
    closed = {one.direction for one in scope.strengths if one.outcome != "not_measured"}
    shown = sorted(
        (one for one in scope.strengths if one.direction in closed),
        key=lambda one: (one.frames, one.direction, one.strength),
    )
    if not scope.strengths:
        return None
    rows = [_row(one, scope.unit) for one in shown]
    return group(
        table("Each strength", _HEADS, rows) if rows else None,
        _others({one.direction for one in scope.strengths} - closed),
    )


def _row(one: Strength, unit: str) -> list[Node]:
    where = f"{one.direction.replace('_', ' ')}, {one.frames} frame"
    return [short(one.strength), amount(one.amount, unit), where, _outcome(one.outcome)]


def _outcome(outcome: Outcome) -> Html:
    verdict: Verdict = "holds" if outcome == "robust" else "unknown"
    words = "holds" if outcome == "robust" else f"unknown: {OUTCOME_WORDS[outcome]}"
    if outcome in _FAILING:
        verdict, words = "fails", OUTCOME_WORDS[outcome]
    return tag("span", mark(verdict), words, class_=f"verdict {verdict}")


def _others(directions: set[str]) -> Html | None:
    if not directions:
        return None
    names = ", ".join(sorted(name.replace("_", " ") for name in directions))
    return tag("p", f"Unknown at every strength, shown in open loop only: {names}.", class_="small")
