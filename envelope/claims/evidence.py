"""What a run left behind, looked up by suite, quantity and condition.

Nothing here guesses: a summary counts only while the rows behind it are there, and what cannot be
found is `Missing`, with the reason that the claim will give.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from envelope.errors import BadFile
from envelope.records import Cell, Estimate, Measurement, Measurements, Outcome, Scalar


class Missing(Exception):
    """There is no evidence for a claim; it becomes `unknown`."""

    def __init__(self, reason: str, *, outcome: Outcome = "not_measured") -> None:
        super().__init__(reason)
        self.reason = reason
        self.outcome: Outcome = outcome


class Known(NamedTuple):
    """A summary that has an estimate."""

    measurement: Measurement
    estimate: Estimate


class Evidence:
    """Summaries and cells of one run.

    Raises:
        BadFile: two summaries share an id, so it is open which one counts.
    """

    def __init__(self, measurements: Measurements) -> None:
        self.plan = measurements.plan
        self._summaries: dict[tuple[str, str], list[Measurement]] = defaultdict(list)
        self._cells: dict[str, list[Cell]] = defaultdict(list)
        for summary in measurements.summaries:
            self._summaries[summary.suite, summary.quantity].append(summary)
        for cell in measurements.cells:
            self._cells[cell.suite].append(cell)
        twice = [id for id, n in Counter(s.id for s in measurements.summaries).items() if n > 1]
        if twice:
            raise BadFile(
                f"the measurements hold two summaries called {twice[0]}",
                next_step="measure again, or restore the file as it was written",
            )

    def find(self, path: str, **condition: Scalar) -> list[Measurement]:
        """Summaries called `suite/quantity` whose condition includes the one given."""
        suite, quantity = path.split("/")
        return [one for one in self._summaries[suite, quantity] if _includes(one, condition)]

    def need(self, path: str, **condition: Scalar) -> Known:
        """The one summary under exactly this condition, or the only one that includes it.

        Raises:
            Missing: there is none, there are several, or it has no estimate.
        """
        found = self.find(path, **condition)
        exact = [one for one in found if len(one.condition) == len(condition)]
        what = f"{path}[{','.join(f'{key}={value}' for key, value in condition.items())}]"
        match exact or found:
            case [one] if one.estimate is not None:
                return Known(one, one.estimate)
            case [one]:
                raise Missing(f"{what} has no estimate: {one.note or 'no reason was given'}")
            case []:
                raise Missing(self._why_absent(what, path.split("/")[0]))
            case _:
                raise Missing(f"several summaries fit {what}")

    def estimate(self, path: str, **condition: Scalar) -> Estimate | None:
        """The estimate of that summary, or None where there is none to speak of."""
        try:
            return self.need(path, **condition).estimate
        except Missing:
            return None

    def cells(self, suite: str, **condition: Scalar) -> list[Cell]:
        """Cells of a suite that the condition does not contradict.

        A cell says nothing about keys it does not have, so it may be behind any value of them.
        """
        return [cell for cell in self._cells[suite] if agrees(cell, condition)]

    def need_rows(self, cells: Iterable[Cell], what: str) -> None:
        """Refuse a summary without rows, or with a crash among them.

        Raises:
            Missing: any of the cells crashed, or none has rows.
        """
        listed = list(cells)
        for cell in listed:
            if cell.status == "crashed":
                raise Missing(f"a cell of {what} crashed: {cell.error}", outcome="crashed")
        if not any(cell.rows and all(cell.rows.values()) for cell in listed):
            raise Missing(f"there are no rows behind {what}")

    def need_suite(self, suite: str) -> None:
        """Refuse to look for what no suite of the run was about.

        Raises:
            Missing: the suite was not part of the run.
        """
        if suite not in self.plan.suites:
            raise Missing(self._why_absent(suite, suite))

    def _why_absent(self, what: str, suite: str) -> str:
        if suite not in self.plan.suites:
            return f"the suite {suite} was not part of the run"
        return f"the suite {suite} left no {what}"


def agrees(cell: Cell, condition: dict[str, Scalar]) -> bool:
    """Whether a cell may lie behind a condition: no key that both have differs."""
    return all(cell.condition.get(key, value) == value for key, value in condition.items())


def _includes(summary: Measurement, condition: dict[str, Scalar]) -> bool:
    return all(
        key in summary.condition and summary.condition[key] == value
        for key, value in condition.items()
    )
