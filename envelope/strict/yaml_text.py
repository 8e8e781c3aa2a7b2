"""YAML, read strictly: the part of it that means the same to everyone."""

import re
from typing import TYPE_CHECKING, Any, NoReturn

from envelope.strict.text import (
    MAX_DEPTH,
    Position,
    Refused,
    decode,
    fail,
    finite,
    integer,
    is_text,
    kind,
    repeated,
    short,
    too_deep,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    import yaml

MAX_YAML_BYTES = 2**18

_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?P<fraction>\.[0-9]+)?(?P<power>[eE][+-]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|nan)", re.IGNORECASE)


def load_yaml(
    data: bytes, name: str, *, max_bytes: int = MAX_YAML_BYTES
) -> tuple[dict[str, Any], dict[str, Position]]:
    """Read one YAML mapping.

    Only what is plainly written counts: `true`, `false`, `null` (or nothing) and numbers in JSON
    notation. Everything else, such as `no`, `010`, `12:30:00` or a date, stays the string it looks
    like, so a typed record refuses it where a number or a truth value belongs.

    Returns:
        The mapping, and where each of its keys and list items stands.

    Raises:
        BadFile: repeated keys, aliases, anchors, tags, merge keys, several documents, and all that
            `load_json` refuses.
    """
    text = decode(data, name, max_bytes)
    import yaml

    builder = _Builder(name, yaml.parse(text, Loader=yaml.SafeLoader))
    try:
        return builder.document(), builder.marks
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        fail(f"not YAML: {error.problem or error.context}", name, where)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        where = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        fail(f"not YAML: {error.reason}", name, where)
    except (ValueError, OverflowError) as error:  # an escape beyond Unicode, a huge version number
        fail(f"not YAML: {error}", name, builder.last)


class _Builder:
    """Builds plain data from parser events, so that YAML's own guesses about types never happen."""

    def __init__(self, name: str, events: "Iterable[yaml.Event]") -> None:
        self.name = name
        self.events = iter(events)
        self.marks: dict[str, Position] = {}
        self.last: Position = (1, 1)

    def document(self) -> dict[str, Any]:
        import yaml

        self._next()  # the stream starts
        start = self._next()
        if isinstance(start, yaml.StreamEndEvent):
            self._refuse("is empty where a mapping belongs", start)
        root = self._next()
        value = self._node(root, ())
        self._next()  # the document ends
        end = self._next()
        if not isinstance(end, yaml.StreamEndEvent):
            self._refuse("a second document begins here; one file holds one", end)
        if not isinstance(value, dict):
            self._refuse(f"holds {kind(value)} where a mapping belongs", root)
        return value

    def _node(self, event: "yaml.Event", path: tuple[str, ...]) -> Any:
        import yaml

        self._refuse_reference(event)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if len(path) >= MAX_DEPTH:
            self._refuse(too_deep(), event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._mapping(path)

    def _sequence(self, path: tuple[str, ...]) -> list[Any]:
        import yaml

        items: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            here = (*path, str(len(items)))
            self.marks[".".join(here)] = _place(event)
            items.append(self._node(event, here))
        return items

    def _mapping(self, path: tuple[str, ...]) -> dict[str, Any]:
        import yaml

        found: dict[str, Any] = {}
        seen: dict[str, tuple[str, Position]] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            self._refuse_reference(event)
            if not isinstance(event, yaml.ScalarEvent):
                self._refuse("a key must be a word, not a list or a mapping", event)
            key, place = event.value, _place(event)
            if key == "<<":
                self._refuse("merge key << is not accepted; write the values out", event)
            if key.casefold() in seen:
                self._refuse(repeated(key, *seen[key.casefold()]), event)
            here = (*path, key)
            seen[key.casefold()] = (key, place)
            self.marks[".".join(here)] = place
            found[key] = self._node(self._next(), here)
        return found

    def _scalar(self, event: "yaml.ScalarEvent") -> Any:
        text = event.value
        if not is_text(text):
            self._refuse("holds half of a surrogate pair, which is not text", event)
        if event.style is not None:  # quoted, or a block of text
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _NOT_FINITE.fullmatch(text):
            self._refuse(f"{text} is not a number that can be compared", event)
        number = _NUMBER.fullmatch(text)
        if number is None:
            return text
        try:
            return finite(text) if number["fraction"] or number["power"] else integer(text)
        except Refused as refusal:
            self._refuse(str(refusal), event)

    def _refuse_reference(self, event: "yaml.Event") -> None:
        import yaml

        if isinstance(event, yaml.AliasEvent):
            self._refuse(f"alias *{event.anchor} is not accepted; write the value out", event)
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            self._refuse(f"anchor &{event.anchor} is not accepted; write values out", event)
        if (
            isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
            and event.tag is not None
        ):
            self._refuse(f"tag {short(event.tag)} is not accepted; write the plain value", event)

    def _next(self) -> "yaml.Event":
        event = next(self.events)
        self.last = _place(event)
        return event

    def _refuse(self, problem: str, event: "yaml.Event") -> NoReturn:
        fail(problem, self.name, _place(event))


def _place(event: "yaml.Event") -> Position:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)
