"""Small pieces of SVG charts. Colours and strokes are classes in `report.css`, never attributes."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from envelope.records import Estimate
from reports.html import Html, Node, group, tag
from reports.words import number, short, with_interval

WIDTH = 420.0
"""Width of every chart in its own units; charts are shown near 1:1, also on a phone."""
TEXT = 14.0
"""Least distance between two lines of text."""


def chart(slug: str, title: str, text: str, height: float, *children: Node) -> Html:
    """One drawing with a title and a description that a screen reader reads.

    Args:
        slug: unique within the page; part of the ids.
        title: what is shown.
        text: what is to be seen in it, in a sentence.
        height: in chart units; the width is `WIDTH`.
        children: the drawing.
    """
    return tag(
        "svg",
        tag("title", title, id=f"{slug}-title"),
        tag("desc", text, id=f"{slug}-text"),
        *children,
        class_="chart",
        viewBox=f"0 0 {WIDTH:.0f} {height:.0f}",
        role="img",
        aria_labelledby=f"{slug}-title {slug}-text",
    )


def text(x: float, y: float, words: str, class_: str = "", anchor: str = "start") -> Html:
    """One line of text; `anchor` is start, middle or end."""
    return tag("text", words, x=x, y=y, class_=class_ or None, text_anchor=anchor)


def ticks(low: float, high: float, num: int = 5) -> list[float]:
    """Round values between two ends, about `num` of them."""
    if high <= low:
        return [low]
    raw = (high - low) / num
    if raw < 1e-300:
        return [low]
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight line from values to chart units."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Position of a value, held within the ends."""
        if self.high <= self.low:
            return (self.start + self.end) / 2
        share = (value - self.low) / (self.high - self.low)
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)

    def ticks(self, num: int) -> list[float]:
        """Round values, about `num` of them."""
        return ticks(self.low, self.high, num)


@dataclass(frozen=True, slots=True)
class LogScale(Scale):
    """The same for the logarithm of positive values; what is not above the lower end lies on it."""

    def __call__(self, value: float) -> float:
        """Position of a value, held within the ends."""
        share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return self.start + min(1.0, share) * (self.end - self.start)

    def ticks(self, num: int) -> list[float]:
        """Powers of ten between the ends."""
        first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
        return [10.0**power for power in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Label:
    """Words that want to stand beside a height in the right margin."""

    y: float
    words: str
    class_: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """A rectangle with two axes; the right margin is kept for labels of lines."""

    x: Scale
    y: Scale

    @classmethod
    def at(
        cls,
        top: float,
        height: float,
        x: tuple[float, float],
        y: tuple[float, float],
        right: float = 94.0,
    ) -> "Panel":
        """Place a panel; `right` is the width of the label margin."""
        return cls(x=Scale(x[0], x[1], 40.0, WIDTH - right), y=Scale(y[0], y[1], top + height, top))

    def grid(self, name: str, num: int = 4) -> Html:
        """Horizontal rules with their values, and the name of what is shown above them."""
        rules = [
            group(
                tag(
                    "line",
                    x1=self.x.start,
                    x2=self.x.end,
                    y1=self.y(v),
                    y2=self.y(v),
                    class_="rule",
                ),
                text(self.x.start - 7, self.y(v) + 4, short(v), "tick", "end"),
            )
            for v in self.y.ticks(num)
        ]
        return group(rules, text(2, self.y.end - 11, name, "name"))

    def foot(self, values: Iterable[float], name: str, labels: Sequence[str] = ()) -> Html:
        """Values under the panel that do not run into each other, and the name of the axis."""
        drawn: list[Html] = []
        free = -math.inf
        base = self.y.start
        listed = list(values)
        for value, words in zip(listed, labels or [short(v) for v in listed], strict=True):
            at, half = self.x(value), len(words) * 3.4 + 4
            drawn.append(tag("line", x1=at, x2=at, y1=base, y2=base + 4, class_="axis"))
            if at - half >= free:
                drawn.append(text(at, base + 17, words, "tick", "middle"))
                free = at + half
        line = tag("line", x1=self.x.start, x2=self.x.end, y1=base, y2=base, class_="axis")
        middle = (self.x.start + self.x.end) / 2
        return group(line, drawn, text(middle, base + 33, name, "tick", "middle"))

    def span(self, low: float, high: float, class_: str) -> Html:
        """Fill between two x values."""
        left, right = self.x(low), self.x(high)
        if right - left < 0.5:
            return group()
        return tag(
            "rect",
            x=left,
            y=self.y.end,
            width=right - left,
            height=self.y.start - self.y.end,
            class_=class_,
        )

    def level(self, value: float, class_: str) -> Html:
        """A line across at one y value."""
        at = self.y(value)
        return tag("line", x1=self.x.start, x2=self.x.end, y1=at, y2=at, class_=class_)

    def upright(self, value: float, class_: str) -> Html:
        """A line from bottom to top at one x value."""
        at = self.x(value)
        return tag("line", x1=at, x2=at, y1=self.y.start, y2=self.y.end, class_=class_)

    def strip(self, estimate: Estimate, class_: str) -> Html:
        """The interval of one estimate, across the whole panel."""
        top, bottom = self.y(estimate.high), self.y(estimate.low)
        width = self.x.end - self.x.start
        return tag("rect", x=self.x.start, y=top, width=width, height=bottom - top, class_=class_)

    def line(self, points: Iterable[tuple[float, float]], class_: str) -> Html:
        """Points joined in the order given."""
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        return tag("polyline", points=path, class_=class_)

    def band(self, points: Sequence[tuple[float, Estimate]], class_: str) -> Html:
        """Intervals joined to a band."""
        upper = [f"{self.x(x):.1f},{self.y(e.high):.1f}" for x, e in points]
        lower = [f"{self.x(x):.1f},{self.y(e.low):.1f}" for x, e in reversed(points)]
        return tag("polygon", points=" ".join(upper + lower), class_=class_)

    def dot(self, x: float, estimate: Estimate, title: str, class_: str, shape: str) -> Html:
        """A value with the whisker of its interval; `title` is shown on hover."""
        at = self.x(x)
        bar = tag("line", x1=at, x2=at, y1=self.y(estimate.low), y2=self.y(estimate.high))
        words = f"{title}: {with_interval(estimate)}, n = {estimate.episodes}"
        point = symbol(shape, at, self.y(estimate.value))
        return tag("g", tag("title", words), bar, point, class_=f"dot {class_}")

    def specks(self, points: Sequence[tuple[float, Estimate]]) -> Html:
        """Small values with their whiskers, where many stand close together."""
        bars = [f"M{self.x(x):.1f} {self.y(e.low):.1f}V{self.y(e.high):.1f}" for x, e in points]
        values = [f"M{self.x(x):.1f} {self.y(e.value):.1f}h0" for x, e in points]
        return group(
            tag("path", d="".join(bars), class_="whiskers"),
            tag("path", d="".join(values), class_="specks"),
        )

    def margin(self, labels: Iterable[Label]) -> Html:
        """Labels beside their heights, moved apart where they would touch."""
        wanted = sorted(labels, key=lambda label: (label.y, label.words))
        heights = _apart([label.y for label in wanted], self.y.end, self.y.start)
        return group(
            [
                text(self.x.end + 7, at + 4, label.words, f"label {label.class_}".strip())
                for label, at in zip(wanted, heights, strict=True)
            ]
        )


def symbol(shape: str, x: float, y: float, radius: float = 4.0) -> Html:
    """A point: `disc`, `square` or `diamond`."""
    if shape == "square":
        side = radius * 1.8
        return tag("rect", x=x - side / 2, y=y - side / 2, width=side, height=side)
    if shape == "diamond":
        r = radius * 1.35
        return tag(
            "polygon",
            points=f"{x:.1f},{y - r:.1f} {x + r:.1f},{y:.1f} "
            f"{x:.1f},{y + r:.1f} {x - r:.1f},{y:.1f}",
        )
    return tag("circle", cx=x, cy=y, r=radius)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a dot chart: a name, its estimate, and single values that lie behind it."""

    name: str
    estimate: Estimate | None
    class_: str = ""
    behind: Sequence[float] = ()
    limit: tuple[float, str] | None = None
    """A value to compare with, and what it is called."""


def dot_rows(
    slug: str,
    title: str,
    description: str,
    rows: Sequence[Row],
    domain: tuple[float, float],
) -> Html:
    """Rows of a value and its interval on one common axis; a row without one says so."""
    pitch, top = 46.0, 6.0
    height = top + pitch * len(rows) + 22
    x = Scale(domain[0], domain[1], 8.0, WIDTH - 8)
    bottom = top + pitch * len(rows)
    drawn: list[Node] = []
    for index, row in enumerate(rows):
        drawn.append(_dot_row(row, x, top + pitch * index))
    for value in ticks(domain[0], domain[1]):
        drawn.append(text(x(value), bottom + 15, short(value), "tick", "middle"))
    return chart(slug, title, description, height, drawn)


def _dot_row(row: Row, x: Scale, top: float) -> Html:
    middle = top + 31
    track = tag("line", x1=x.start, x2=x.end, y1=middle, y2=middle, class_="rule")
    limit_word = tag("tspan", f"  {row.limit[1]}", class_="limit-word") if row.limit else None
    head = tag(
        "text",
        row.name,
        limit_word,
        x=x.start,
        y=top + 18,
        class_="row-name",
    )
    at = x(row.limit[0]) if row.limit else 0.0
    limit = (
        tag("line", x1=at, x2=at, y1=middle - 9, y2=middle + 9, class_="limit solid")
        if row.limit
        else None
    )
    if row.estimate is None:
        gap = tag(
            "rect", x=x.start, y=middle - 5, width=x.end - x.start, height=10.0, class_="unmeasured"
        )
        return group(gap, head, text(x.end, top + 18, "not measured", "row-value", "end"))
    low, value, high = (x(v) for v in (row.estimate.low, row.estimate.value, row.estimate.high))
    behind = [
        tag("line", x1=x(v), x2=x(v), y1=middle - 8, y2=middle + 8, class_="behind")
        for v in row.behind
    ]
    whisker = tag("rect", x=low, y=middle - 3, width=max(high - low, 1.0), height=6.0, rx=3.0)
    return group(
        track,
        head,
        limit,
        text(x.end, top + 18, with_interval(row.estimate), "row-value", "end"),
        tag(
            "g",
            whisker,
            behind,
            symbol("disc", value, middle, 5.5),
            class_=f"range {row.class_}".strip(),
        ),
    )


def gauge(estimate: Estimate, limit: float, class_: str) -> Html:
    """A small bar from 0 to 1 with an interval on it and a stroke at the rate asked for."""
    x = Scale(0.0, 1.0, 4.0, 116.0)
    low, high, at = x(estimate.low), x(estimate.high), x(limit)
    return tag(
        "svg",
        tag("line", x1=x.start, x2=x.end, y1=8.0, y2=8.0, class_="rule"),
        tag("rect", x=low, y=5.0, width=max(high - low, 1.0), height=6.0, rx=3.0),
        tag("line", x1=at, x2=at, y1=1.0, y2=15.0, class_="limit"),
        tag("circle", cx=x(estimate.value), cy=8.0, r=4.0),
        class_=f"gauge {class_}",
        viewBox="0 0 120 16",
        aria_hidden="true",
    )


def domain_of(values: Iterable[float], *, most: float = 1.0) -> float:
    """An upper end that holds all values, `most` at least."""
    return max([most, *(min(value, 1e300) * 1.06 for value in values)])


def _apart(wanted: Sequence[float], top: float, bottom: float) -> list[float]:
    """Heights moved apart to at least one line of text, in order, starting from those wanted."""
    heights: list[float] = []
    for want in wanted:
        heights.append(max(want, heights[-1] + TEXT) if heights else max(want, top))
    overflow = (heights[-1] - bottom) if heights else 0.0
    if overflow > 0:
        heights[-1] = bottom
        for index in range(len(heights) - 2, -1, -1):
            heights[index] = min(heights[index], heights[index + 1] - TEXT)
    return heights


def rounded(value: float) -> str:
    """A value for a description."""
    return number(value, 2)
