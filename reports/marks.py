"""Shapes that are drawn once and used everywhere: the marks of verdicts and the hatch."""

from reports.html import Html, tag


def sprite() -> Html:
    """Definitions for `use` and for fills; takes no room on the page."""
    return tag(
        "svg",
        tag(
            "defs",
            _mark("holds", tag("circle", cx=8, cy=8, r=7), "M4.6 8.3 7 10.7 11.5 5.6"),
            _mark(
                "fails",
                tag("rect", x=1.5, y=1.5, width=13, height=13, rx=1.5),
                "M5.2 5.2 10.8 10.8 M10.8 5.2 5.2 10.8",
            ),
            tag(
                "symbol",
                tag("polygon", points="8,0.3 8,15.7 0.3,8"),
                tag("polygon", points="8,1.4 14.6,8 8,14.6 1.4,8", class_="open-half"),
                id="mark-unknown",
                viewBox="0 0 16 16",
            ),
            tag(
                "symbol",
                tag("circle", cx=8, cy=8, r=6, class_="ring"),
                id="mark-hollow",
                viewBox="0 0 16 16",
            ),
            tag(
                "pattern",
                tag("path", d="M-1 1 1 -1 M0 6 6 0 M5 7 7 5", class_="hatch-line"),
                id="hatch",
                width=6,
                height=6,
                patternUnits="userSpaceOnUse",
            ),
        ),
        class_="sprite",
        width=0,
        height=0,
        aria_hidden="true",
    )


def _mark(name: str, ground: Html, sign: str) -> Html:
    return tag(
        "symbol",
        ground,
        tag("path", d=sign, class_="sign"),
        id=f"mark-{name}",
        viewBox="0 0 16 16",
    )
