"""HTML that is escaped by construction: a string becomes markup only through `tag`.

A plain `str` is always data. It is cleaned (no control or bidi characters, no absolute paths) and
escaped wherever it appears; `Html` is what `tag` returns and the only thing that is passed on as it
stands.
"""

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\uffff\U000e0000-\U000e007f]"
)
"""Characters that change how text reads without being seen: controls, bidi, zero width, tags."""

_ABSOLUTE_PATH = re.compile(
    r"(?:file:/*|(?<![\w/.:~])/|~/|\b[A-Za-z]:[\\/]|\\\\)(?:[^\s/\\'\"<>,;()]+[/\\])+([^\s/\\'\"<>,;()]*)"
)

_NO_END_TAG = frozenset({"br", "hr", "wbr", "img", "link", "meta", "col"})
_SELF_CLOSING = frozenset({"path", "line", "rect", "circle", "polygon", "polyline", "use", "image"})


@dataclass(frozen=True, slots=True)
class Html:
    """Markup that is already safe."""

    markup: str


Node: TypeAlias = "Html | str | int | Iterable[Node] | None"
"""What may stand inside an element; `None` is nothing."""


def clean(text: str) -> str:
    """Make text safe to show: unseen characters become U+FFFD, absolute paths their last part."""
    text = _UNSEEN.sub("\ufffd", text.replace("\t", " ").replace("\r\n", "\n"))
    return _ABSOLUTE_PATH.sub(lambda found: "\u2026/" + found.group(1), text)


@lru_cache(maxsize=2**16)
def escape(text: str) -> str:
    """Clean and escape text for content and for quoted attributes."""
    return html.escape(clean(text), quote=True)


def tag(name: str, /, *children: Node, **attributes: Html | str | float | bool | None) -> Html:
    """Build one element.

    `_` in an attribute name is written as `-`, and one at the end (`class_`) is dropped. `True`
    writes the bare attribute; `False` and `None` leave it out.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    inside = "".join(_markup(child) for child in children)
    if name in _NO_END_TAG:
        return Html(f"<{name}{written}>")
    if name in _SELF_CLOSING and not inside:
        return Html(f"<{name}{written}/>")
    return Html(f"<{name}{written}>{inside}</{name}>")


def group(*children: Node) -> Html:
    """Several nodes one after the other."""
    return Html("".join(_markup(child) for child in children))


def joined(nodes: Iterable[Node], separator: str = ", ") -> Html:
    """Nodes with a separator between them."""
    return Html(escape(separator).join(_markup(node) for node in nodes))


def _markup(node: Node) -> str:
    if node is None:
        return ""
    if isinstance(node, Html):
        return node.markup
    if isinstance(node, str):
        return escape(node)
    if isinstance(node, int):
        return str(node)
    return "".join(_markup(child) for child in node)


def _attribute(key: str, value: Html | str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.removesuffix("_").replace("_", "-")
    if value is True:
        return f" {name}"
    if isinstance(value, Html):
        return f' {name}="{value.markup}"'
    if isinstance(value, float):
        value = f"{value:.2f}".rstrip("0").rstrip(".")
        value = "0" if value == "-0" else value
    return f' {name}="{escape(str(value))}"'
