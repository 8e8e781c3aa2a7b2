"""The frames themselves: stills, and strips of lawful and unlawful clips."""

import base64
import binascii
from collections import Counter
from collections.abc import Sequence

from envelope.records import Picture
from reports.html import Html, tag
from reports.words import mark

MARKUP_BYTES = 600
"""More than the elements around one picture take, its caption of ordinary length included."""
_PNG = b"\x89PNG\r\n\x1a\n"


def is_png(picture: Picture) -> bool:
    """Whether the picture holds what it says: strict base64 of a PNG."""
    try:
        return base64.b64decode(picture.png_base64, validate=True).startswith(_PNG)
    except (binascii.Error, ValueError):
        return False


def still(picture: Picture, words: str, *, critical: bool = False) -> Html:
    """One frame and what it shows; a frame that cannot be read says so."""
    if is_png(picture):
        source = Html("data:image/png;base64," + picture.png_base64)
        image = tag("img", src=source, alt=picture.caption, width=64, height=64)
    else:
        image = tag("span", mark("hollow"), "unreadable frame", class_="no-frame")
    class_ = "still critical" if critical else "still"
    return tag("figure", image, tag("figcaption", words), class_=class_)


def fitting(pictures: Sequence[Picture], room_bytes: int) -> list[Picture]:
    """As many pictures as fit into so many bytes of page, in order, no class before another."""
    seen: Counter[tuple[str, object]] = Counter()
    ranks: list[int] = []
    for picture in pictures:
        about = picture.condition.get("nuisance", picture.condition.get("violation"))
        ranks.append(seen[picture.suite, about])
        seen[picture.suite, about] += 1
    kept: list[int] = []
    for place in sorted(range(len(pictures)), key=ranks.__getitem__):
        room_bytes -= len(pictures[place].png_base64) + MARKUP_BYTES
        if room_bytes < 0:
            break
        kept.append(place)
    return [pictures[place] for place in sorted(kept)]
