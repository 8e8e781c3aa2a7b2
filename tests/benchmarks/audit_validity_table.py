"""The expected matrix beside what audits found: counts, intervals, bars, tables in Markdown."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from perturbations.statistics.stats import clopper_pearson

MATRIX = Path(__file__).with_name("audit_validity.yaml")
SOUND = ("must_not", "must_hold")
FAMILIES = ("base", "F1", "F2", "F3", "F4", "F5", "F6", "F7")


@dataclass(frozen=True)
class Found:
    """One claim of one audit."""

    claim: str
    family: str
    verdict: str
    outcome: str


@dataclass(frozen=True)
class Entry:
    """What is expected of the claims that `claim` fits."""

    claim: str
    expect: str
    because: str
    outcome: str | None = None

    def is_finding(self, found: Found) -> bool:
        """Whether a claim is the finding that the entry is about."""
        return found.verdict == "fails" and self.outcome in (None, found.outcome)


@dataclass(frozen=True)
class Row:
    """One known model, or a candidate and its base."""

    name: str
    defect: str
    entries: tuple[Entry, ...]
    model: str
    base: str | None = None
    cases: str = "usual"
    profile: str = "usual"
    planner: str = "Search"

    def entry(self, claim: str) -> Entry | None:
        """The first entry that fits a claim."""
        return next((e for e in self.entries if fnmatchcase(claim, e.claim)), None)


@dataclass(frozen=True)
class Matrix:
    """The whole file."""

    bars: dict[str, float]
    rows: tuple[Row, ...]


def read_matrix(path: Path = MATRIX) -> Matrix:
    """The expected matrix, with groups written out behind each model's own entries."""
    data = yaml.safe_load(path.read_text())
    groups = data["groups"]
    rows = [
        Row(
            name=one["model"] + (f" with {one['planner']}" if "planner" in one else ""),
            defect=one["defect"],
            entries=_entries([*one.get("expect", []), *_of_groups(one, groups)]),
            model=one["model"],
            cases=one.get("cases", "usual"),
            profile=one.get("profile", "usual"),
            planner=one.get("planner", "Search"),
        )
        for one in data["models"]
    ]
    rows += [
        Row(
            name=f"{one['base']} to {one['candidate']}",
            defect=one["defect"],
            entries=_entries(one["expect"]),
            model=one["candidate"],
            base=one["base"],
        )
        for one in data["pairs"]
    ]
    return Matrix(bars=data["bars"], rows=tuple(rows))


def _of_groups(one: dict[str, Any], groups: dict[str, list[Any]]) -> list[Any]:
    return [entry for name in one.get("groups", []) for entry in groups[name]]


def _entries(listed: Sequence[dict[str, str]]) -> tuple[Entry, ...]:
    return tuple(
        Entry(one["claim"], one["expect"], one["because"], one.get("outcome")) for one in listed
    )


@dataclass(frozen=True)
class RowResult:
    """What the audits of one row found."""

    row: Row
    audits: tuple[tuple[Found, ...], ...]

    def times_found(self, entry: Entry) -> int:
        """Audits in which a claim fails as the entry says."""
        return sum(
            any(self.row.entry(f.claim) is entry and entry.is_finding(f) for f in audit)
            for audit in self.audits
        )

    def times_all_found(self) -> int:
        """Audits in which every `must` is found."""
        musts = [entry for entry in self.row.entries if entry.expect == "must"]
        one_by_one = [RowResult(self.row, (audit,)) for audit in self.audits]
        return sum(all(one.times_found(entry) for entry in musts) for one in one_by_one)

    def least_held(self, entry: Entry) -> tuple[str, int]:
        """Of the claims that the entry fits, that which holds in fewest audits, and in how many."""
        own = [f for audit in self.audits for f in audit if self.row.entry(f.claim) is entry]
        held = Counter({found.claim: 0 for found in own})
        held.update(found.claim for found in own if found.verdict == "holds")
        return min(held.items(), key=lambda one: one[1], default=(entry.claim, 0))

    def false_findings(self) -> list[list[str]]:
        """By audit, the claims that fail and must not."""
        return [[f.claim for f in audit if self._is_false(f)] for audit in self.audits]

    def _is_false(self, found: Found) -> bool:
        entry = self.row.entry(found.claim)
        return entry is not None and entry.expect in SOUND and entry.is_finding(found)

    def in_family(self, family: str) -> tuple[str, int]:
        """What is expected in a family, the most of it or "", and audits that fail in it."""
        claims = {f.claim for audit in self.audits for f in audit if f.family == family}
        entries = [self.row.entry(claim) for claim in claims]
        expected = {entry.expect if entry else "may" for entry in entries}
        times = sum(
            any(f.family == family and f.verdict == "fails" for f in audit) for audit in self.audits
        )
        return next((e for e in ("must", "may", *SOUND) if e in expected), ""), times


def missed_bars(results: Sequence[RowResult], bars: dict[str, float]) -> list[str]:
    """Every bar that is missed, in words."""
    missed = []
    for result in results:
        num, name = len(result.audits), result.row.name
        if not num:
            missed.append(f"{name}: not run")
            continue
        for entry in result.row.entries:
            times = result.times_found(entry)
            if entry.expect == "must" and times < bars["must_found_at_least"] * num:
                missed.append(f"{name}: {entry.claim} found in {times} of {num} audits")
            claim, held = result.least_held(entry)
            if entry.expect == "must_hold" and held < bars["must_hold_at_least"] * num:
                missed.append(f"{name}: {claim} held in {held} of {num} audits")
        wrong = [claims for claims in result.false_findings() if claims]
        limit = bars["perfect_any_fails_at_most" if _is_perfect(result.row) else _FALSE]
        if len(wrong) > limit * num:
            named = sorted({claim for claims in wrong for claim in claims})
            missed.append(f"{name}: {', '.join(named)} failed in {len(wrong)} of {num} audits")
    return missed


_FALSE = "false_findings_at_most"


def _is_perfect(row: Row) -> bool:
    return row.defect == "none"


def family_table(results: Sequence[RowResult]) -> str:
    """Defect by family: in how many audits a claim of the family fails."""
    lines = [
        "| model | defect | audits | " + " | ".join(FAMILIES) + " |",
        "|---" * (len(FAMILIES) + 3) + "|",
    ]
    for result in results:
        cells = [_family_cell(result, family) for family in FAMILIES]
        row = result.row
        lines.append(f"| {row.name} | {row.defect} | {len(result.audits)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _family_cell(result: RowResult, family: str) -> str:
    expected, times = result.in_family(family)
    marks = {"must": f"**{times}**", "may": f"({times})", "": ""}
    return marks.get(expected, str(times))


def finding_table(results: Sequence[RowResult]) -> str:
    """Every `must`, and all of a model's `must_not` together, with intervals.

    A `must_hold` that fits several claims is told by that which held least often.
    """
    lines = ["| model | claim | expected | found | share [95 %] |", "|---|---|---|---|---|"]
    for result in results:
        num = len(result.audits)
        for entry in result.row.entries:
            if entry.expect == "must":
                wanted = f"must: {entry.outcome or 'fails'}"
                lines.append(_line(result, entry.claim, wanted, result.times_found(entry), num))
            if entry.expect == "must_hold":
                lines.append(
                    _line(result, entry.claim, "must hold", result.least_held(entry)[1], num)
                )
        if any(entry.expect in SOUND for entry in result.row.entries):
            wrong = sum(map(bool, result.false_findings()))
            lines.append(_line(result, "any that is sound", "must not", wrong, num))
    planted = [one for one in results if any(e.expect == "must" for e in one.row.entries)]
    times, num = sum(one.times_all_found() for one in planted), sum(len(o.audits) for o in planted)
    lines.append(_told("all with a defect", "every must", "must", times, num))
    return "\n".join(lines)


def _line(result: RowResult, claim: str, expected: str, times: int, num: int) -> str:
    return _told(result.row.name, claim, expected, times, num)


def _told(name: str, claim: str, expected: str, times: int, num: int) -> str:
    share = "not run"
    if num >= 2:
        found = clopper_pearson(times, num)
        share = f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
    return f"| {name} | {claim} | {expected} | {times} of {num} | {share} |"
