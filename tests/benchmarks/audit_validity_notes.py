"""What stands below the tables: what perfect models leave on record, what nobody asks, how long."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.benchmarks.audit_validity_table import Found, RowResult

_FEW = 3


def blind_spots(results: Sequence[RowResult]) -> str:
    """How much fails in audits of the model that has no defect, and by whose nature."""
    perfect = [
        audit for result in results if result.row.defect == "none" for audit in result.audits
    ]
    if not perfect:
        return "No audit of a perfect model."
    failing = [[f.claim for f in audit if f.verdict == "fails"] for audit in perfect]
    with_any = sum(map(bool, failing))
    each = sorted(map(len, failing))
    whose = sorted({".".join(claim.split(".")[:2]) for claims in failing for claim in claims})
    return (
        f"Blind spots on record: {with_any} of {len(perfect)} audits of the perfect model have "
        f"claims that fail, {each[len(each) // 2]} of {max(map(len, perfect))} claims in the "
        f"middle one. All of these are of {', '.join(whose) or 'none'}."
    )


def unasked(results: Sequence[RowResult]) -> str:
    """Claims that these audits never decide, and those that no planted defect has to break."""
    found: list[tuple[RowResult, Found]] = [
        (result, one) for result in results for audit in result.audits for one in audit
    ]
    every = {one.claim for _, one in found}
    decided = {one.claim for _, one in found if one.verdict != "unknown"}
    broken = {one.claim for _, one in found if one.verdict == "fails"}
    needed = {
        one.claim
        for result, one in found
        if (entry := result.row.entry(one.claim)) and entry.expect == "must"
    }
    lines = {
        "Never decided": every - decided,
        "Decided, and broken by no model": decided - broken,
        "Broken by a model, though no entry asks for it": broken - needed,
    }
    return "\n".join(f"- {words}: {_listed(claims)}." for words, claims in lines.items())


def _listed(claims: set[str]) -> str:
    """Claims by name, those of one monitor as their number."""
    of_monitors = Counter(
        claim.split(".")[1] for claim in claims if claim.count(".") > 1 and "monitor." in claim
    )
    many = {name for name, num in of_monitors.items() if num > _FEW}
    named = sorted(c for c in claims if not c.startswith(tuple(f"monitor.{n}." for n in many)))
    named += [f"{of_monitors[name]} of monitor.{name}" for name in sorted(many)]
    return ", ".join(named) or "none"


@dataclass(frozen=True)
class Times:
    """What the audits cost, in seconds of a processor that has loaded the libraries."""

    seconds: Sequence[float]
    bars: dict[str, float]

    def missed(self) -> list[str]:
        """Every bar of time that is missed, in words."""
        one, all_of_them = self._bars
        slow = [seconds for seconds in self.seconds if seconds > one]
        missed = []
        if slow:
            missed.append(
                f"{len(slow)} of {len(self.seconds)} audits took longer than {one:g} s of a "
                f"processor, {max(slow):.1f} s the slowest"
            )
        if self._minutes > all_of_them:
            missed.append(
                f"all audits took {self._minutes:.1f} minutes of a processor, allowed "
                f"{all_of_them:g}"
            )
        return missed

    def words(self) -> str:
        """The figures beside their bars."""
        one, all_of_them = self._bars
        return (
            f"{self._minutes:.1f} minutes of a processor for all (at most {all_of_them:g}), "
            f"{sum(self.seconds) / len(self.seconds):.1f} s for one, {max(self.seconds):.1f} s for "
            f"the slowest (at most {one:g}), in processes that have loaded torch"
        )

    @property
    def _bars(self) -> tuple[float, float]:
        return self.bars["one_audit_seconds_at_most"], self.bars["all_audits_minutes_at_most"]

    @property
    def _minutes(self) -> float:
        return sum(self.seconds) / 60
