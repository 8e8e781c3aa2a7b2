"""What an impossible event looks like: lawful clips above unlawful ones."""

from collections.abc import Sequence

from envelope.records import Picture
from reports.along import number_of
from reports.frames import still
from reports.html import Html, tag
from reports.parts import details
from reports.view import View
from reports.words import amount, count, short


def strips(view: View, suite: str) -> Html | None:
    """A strip per class and magnitude, closed at first."""
    clips: dict[tuple[str, float], list[Picture]] = {}
    for picture in view.shown(suite):
        violation = str(picture.condition.get("violation", ""))
        magnitude = number_of(picture.condition.get("magnitude")) or 0.0
        clips.setdefault((violation, magnitude), []).append(picture)
    if not clips:
        return None
    shown = [_clip(name, magnitude, pictures) for (name, magnitude), pictures in clips.items()]
    return details(
        f"What the events look like: {count(len(shown), 'clip')}, each beside its lawful twin",
        tag(
            "p",
            "Lawful above, unlawful below, the same start and actions. The framed frame is the "
            "first that cannot happen.",
        ),
        tag("div", shown, class_="strips"),
    )


def _clip(name: str, magnitude: float, pictures: Sequence[Picture]) -> Html:
    unit = next((str(p.condition["unit"]) for p in pictures if "unit" in p.condition), "1")
    rows = [
        tag("div", tag("h4", word), tag("div", [_frame(p) for p in members], class_="stills"))
        for word, members in _by_lawfulness(pictures)
        if members
    ]
    title = (
        f"{name.replace('_', ' ')}, {amount(magnitude, unit)}"
        if magnitude
        else name.replace("_", " ")
    )
    return tag("div", tag("h3", title), rows, class_="strip")


def _by_lawfulness(pictures: Sequence[Picture]) -> list[tuple[str, list[Picture]]]:
    ordered = sorted(pictures, key=lambda p: number_of(p.condition.get("frame")) or 0.0)
    return [
        (word, [p for p in ordered if p.condition.get("clip", "unlawful") == word])
        for word in ("lawful", "unlawful")
    ]


def _frame(picture: Picture) -> Html:
    frame = number_of(picture.condition.get("frame"))
    words = picture.caption if frame is None else f"frame {short(frame)}"
    critical = picture.condition.get("critical") is True
    return still(picture, words, critical=critical)
