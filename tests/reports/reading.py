"""Reads a rendered page back with the standard library's parser."""

from collections import Counter
from html.parser import HTMLParser


class Page(HTMLParser):
    """Elements, attributes and visible text of a page."""

    def __init__(self, page: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.style = ""
        self._inside: list[str] = []
        self.feed(page.decode("utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag in ("style", "title"):
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if self._inside[-1:] == ["style"]:
            self.style += data
        elif data:
            self.words.append(data)

    @property
    def text(self) -> str:
        """All words of the page, with single spaces, as one text; `wbr` leaves no trace."""
        return " ".join("".join(self.words).split())

    def values(self, attribute: str) -> list[str]:
        """Every value that an attribute takes on the page."""
        return [value for _, name, value in self.attributes if name == attribute]

    def meta(self, name: str) -> str:
        """Content of the meta element of a name."""
        names = [(tag, key, value) for tag, key, value in self.attributes if tag == "meta"]
        place = names.index(("meta", "name", name))
        return names[place + 1][2]
