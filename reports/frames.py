"""The frames themselves. Many conditions share one, such as nominal; it stands on the page once."""

import base64
import binascii
import hashlib
from collections import Counter
from collections.abc import Sequence

from envelope.records import Picture
from reports.html import Html, escape, tag
from reports.words import mark

MARKUP_BYTES, SHARED_BYTES = 240, 200
"""More than the elements around one picture take besides its words, and around a shared frame."""
_SIZE = 64
_PNG = b"\x89PNG\r\n\x1a\n"


def is_png(picture: Picture) -> bool:
    """Whether the picture holds what it says: strict base64 of a PNG."""
    try:
        return base64.b64decode(picture.png_base64, validate=True).startswith(_PNG)
    except (binascii.Error, ValueError):
        return False


def sheet(pictures: Sequence[Picture]) -> Html:
    """Each frame once, for `still` to use; takes no room on the page."""
    once = {picture.png_base64: picture for picture in pictures if is_png(picture)}
    symbols = [
        tag(
            "symbol",
            tag("image", href=Html("data:image/png;base64," + data), width=_SIZE, height=_SIZE),
            id=_anchor(picture),
            viewBox=f"0 0 {_SIZE} {_SIZE}",
        )
        for data, picture in once.items()
    ]
    return tag("svg", symbols, class_="sprite", width=0, height=0, aria_hidden="true")


def still(picture: Picture, words: str, *, critical: bool = False) -> Html:
    """One frame and what it shows; a frame that cannot be read says so."""
    if is_png(picture):
        image = tag(
            "svg",
            tag("use", href=f"#{_anchor(picture)}"),
            viewBox=f"0 0 {_SIZE} {_SIZE}",
            role="img",
            aria_label=picture.caption,
        )
    else:
        image = tag("span", mark("hollow"), "unreadable frame", class_="no-frame")
    class_ = "still critical" if critical else "still"
    return tag("figure", image, tag("figcaption", words), class_=class_)


def _anchor(picture: Picture) -> str:
    return "f-" + hashlib.sha256(picture.png_base64.encode()).hexdigest()[:12]


def fitting(pictures: Sequence[Picture], room_bytes: int) -> list[Picture]:
    """As many pictures as fit into so many bytes of page, in order, no class before another."""
    seen: Counter[tuple[str, object]] = Counter()
    ranks: list[int] = []
    for picture in pictures:
        about = picture.condition.get("nuisance", picture.condition.get("violation"))
        ranks.append(seen[picture.suite, about])
        seen[picture.suite, about] += 1
    kept: list[int] = []
    there: set[str] = set()
    for place in sorted(range(len(pictures)), key=ranks.__getitem__):
        data = pictures[place].png_base64
        room_bytes -= MARKUP_BYTES + len(escape(pictures[place].caption).encode())
        room_bytes -= 0 if data in there else SHARED_BYTES + len(data)
        if room_bytes < 0:
            break
        there.add(data)
        kept.append(place)
    return [pictures[place] for place in sorted(kept)]
