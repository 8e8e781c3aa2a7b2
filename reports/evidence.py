"""Every measurement of a suite, in as few tables as can hold them.

Measurements under one condition share a row, with a column per quantity and monitor. What most of a
column has in common (unit, number of episodes, method, a note) is said once, in its head; a cell
says where it differs.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from envelope.records import Measurement, Scalar
from envelope.records.units import unit_word
from reports.html import Html, Node, group, tag
from reports.parts import details
from reports.view import View, evidence_anchor
from reports.words import count, interval, mark, number, p_value, scalar

_T = TypeVar("_T")
_ACROSS = "monitor"
"""Part of a condition that is laid out in columns."""
MOST_ON_PAPER = 5
"""Columns that fit on paper at the ordinary size."""
_FIRST = ("nuisance", "violation", "direction", "strength", "amount", "magnitude")
"""Parts of a condition that stand in the first columns."""
Column = tuple[str, str]
"""Quantity and monitor."""


@dataclass
class _Grid:
    """Measurements of one suite whose conditions name the same things."""

    keys: tuple[str, ...]
    rows: dict[tuple[Scalar, ...], dict[Column, tuple[str, Measurement]]] = field(
        default_factory=dict
    )

    @property
    def columns(self) -> dict[Column, list[Measurement]]:
        """Each column with its measurements, from the top."""
        found: dict[Column, list[Measurement]] = {}
        for row in self.rows.values():
            for column, (_, one) in row.items():
                found.setdefault(column, []).append(one)
        return found


def evidence(
    view: View,
    suites: Sequence[str],
    belongs: Callable[[Measurement], bool] = lambda _: True,
) -> Html | None:
    """Every measurement of the suites, closed at first.

    Args:
        view: the record.
        suites: names of suites.
        belongs: which of them, where several sections share a suite.
    """
    grids: dict[tuple[str, tuple[str, ...]], _Grid] = {}
    total = 0
    for index, one in enumerate(view.evidence):
        if one.suite not in suites or not belongs(one):
            continue
        total += 1
        keys = tuple(sorted(set(one.condition) - {_ACROSS}, key=_place))
        grid = grids.setdefault((one.suite, keys), _Grid(keys))
        row = grid.rows.setdefault(tuple(one.condition[key] for key in keys), {})
        column = (one.quantity, str(one.condition.get(_ACROSS, "")))
        row[column] = (evidence_anchor(index), one)
    if not total:
        return None
    tables = [_table(suite, grid) for (suite, _), grid in grids.items()]
    words = f"Numbers behind this section: {count(total, 'measurement')}"
    return details(words, tables, on_paper=False)


def _place(key: str) -> tuple[int, str]:
    return (_FIRST.index(key) if key in _FIRST else len(_FIRST), key)


def _table(suite: str, grid: _Grid) -> Html:
    columns = grid.columns
    common = {column: _Common.of(found) for column, found in columns.items()}
    notes = _notes(columns, common)
    constant = {
        key: next(iter(grid.rows))[place]
        for place, key in enumerate(grid.keys)
        if len({row[place] for row in grid.rows}) == 1
    }
    shown = [place for place, key in enumerate(grid.keys) if key not in constant]
    setting = ", ".join(f"{key} {scalar(value)}" for key, value in constant.items())
    names = ", ".join(dict.fromkeys(quantity for quantity, _ in columns))
    caption = f"{suite}: {names}{'; ' + setting if setting else ''}"
    if len(grid.rows) == 1:
        heads: list[Node] = ["quantity", "value", "of"]
        body = _down(next(iter(grid.rows.values())), common, notes)
    else:
        heads = [grid.keys[place] for place in shown]
        heads += [[_name(column), _aside(common[column].words())] for column in columns]
        body = [
            tag(
                "tr",
                [tag("td", scalar(setting[place])) for place in shown],
                [_cell(row.get(column), common[column], notes) for column in columns],
            )
            for setting, row in grid.rows.items()
        ]
    listed = [tag("li", note) for note in notes]
    box = "table numbers wide" if len(heads) > MOST_ON_PAPER else "table numbers"
    inner = tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", [tag("th", head, scope="col") for head in heads])),
        tag("tbody", body),
    )
    return group(
        tag("div", inner, class_=box, role="region", aria_label=caption, tabindex="0"),
        tag("ol", listed, class_="notes") if listed else None,
    )


def _down(
    row: Mapping[Column, tuple[str, Measurement]],
    common: Mapping[Column, "_Common"],
    notes: Mapping[str, int],
) -> list[Html]:
    """One condition: its quantities stand one under the other."""
    return [
        tag(
            "tr",
            tag("td", _name(column)),
            _cell(found, common[column], notes),
            tag("td", common[column].words()),
        )
        for column, found in row.items()
    ]


def _name(column: Column) -> str:
    quantity, monitor = column
    return f"{quantity} · {monitor}" if monitor else quantity


def _aside(words: str) -> Html | None:
    return tag("span", words, class_="beside") if words else None


@dataclass(frozen=True)
class _Common:
    """What most measurements of a column share, so that only exceptions are told; None if nothing.

    A note is shared by all of them or by none.
    """

    unit: str | None
    episodes: int | None
    method: str | None
    note: str | None

    @classmethod
    def of(cls, found: Sequence[Measurement]) -> "_Common":
        known = [one.estimate for one in found if one.estimate is not None]
        return cls(
            _usual([one.unit for one in found]),
            _usual([one.episodes for one in known]),
            _usual([one.interval for one in known]),
            _usual([one.note for one in found], least=1.0),
        )

    def words(self) -> str:
        """For the head of the column."""
        parts = [
            unit_word(self.unit or ""),
            "" if self.episodes is None else f"n {scalar(self.episodes)}",
            (self.method or "").replace("_", "-"),
            self.note or "",
        ]
        return ", ".join(part for part in parts if part)


def _usual(values: Sequence[_T], least: float = 0.6) -> _T | None:
    """The value that at least so large a share of them has."""
    if not values:
        return None
    value, num = Counter(values).most_common(1)[0]
    return value if num >= least * len(values) else None


def _notes(
    columns: Mapping[Column, Sequence[Measurement]], common: Mapping[Column, _Common]
) -> dict[str, int]:
    """Notes that not a whole column shares, numbered."""
    apart = {
        one.note: None
        for column, found in columns.items()
        for one in found
        if one.note and common[column].note is None
    }
    return {note: place for place, note in enumerate(apart, start=1)}


def _cell(found: tuple[str, Measurement] | None, common: _Common, notes: Mapping[str, int]) -> Html:
    if found is None:
        return tag("td", "–", class_="none")
    anchor, one = found
    aside: list[str] = []
    if one.unit != common.unit:
        aside.append(unit_word(one.unit))
    if one.estimate is not None and one.estimate.episodes != common.episodes:
        aside.append(f"n {scalar(one.estimate.episodes)}")
    if one.estimate is not None and one.estimate.interval != common.method:
        aside.append(one.estimate.interval.replace("_", "-"))
    if one.p_holm is not None:
        aside.append(f"p {p_value(one.p_holm)}")
    beside = " ".join(["", *(words for words in aside if words)])
    numbered = tag("sup", notes[one.note]) if one.note in notes else None
    return tag("td", _figures(one), beside, numbered, id=anchor)


def _figures(one: Measurement) -> Node:
    found = one.estimate
    if found is None:
        return group(mark("hollow"), "not measured") if one.p_holm is None else "measured"
    return f"{number(found.value)} {interval(found)}"
