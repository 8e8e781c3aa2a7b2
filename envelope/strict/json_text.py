"""JSON, read strictly."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

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
    line_breaks,
    position,
    repeated,
    too_deep,
)

MAX_JSON_BYTES = 64 * 2**20

_STRING = r'"(?:[^"\\]++|\\.)*+"?'
_BRACKET = re.compile(_STRING + r"|[\[\]{}]", re.DOTALL)
_TOKEN = re.compile(_STRING + r'|[\[\]{}:,]|[^\[\]{}:,"\s]++', re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD]")


class _RepeatedKey(ValueError):
    """Found inside the parser's callback, where the position is not known."""


def load_json(
    data: bytes, name: str, *, max_bytes: int = MAX_JSON_BYTES, case_variants: bool = False
) -> dict[str, Any]:
    """Read one JSON object.

    Args:
        data: the bytes of the file, UTF-8 without a byte order mark.
        name: what to call the file in messages.
        max_bytes: refuse anything larger before looking at it.
        case_variants: accept sibling keys that differ only in case; for foreign formats in which
            keys are data, such as tensor names.

    Raises:
        BadFile: anything that is not exactly one object with one reading.
    """
    text = decode(data, name, max_bytes)

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        distinct = len(found) if case_variants else len({key.casefold() for key in found})
        if distinct != len(pairs):
            raise _RepeatedKey
        return found

    try:
        value = json.loads(
            text,
            object_pairs_hook=members,
            parse_int=integer,
            parse_float=finite,
            parse_constant=_constant,
        )
    except json.JSONDecodeError as error:
        fail(f"not JSON: {error.msg}", name, (error.lineno, error.colno))
    except _RepeatedKey:
        _locate_repeated_key(text, name, case_variants=case_variants)
    except Refused as refusal:
        _locate_number(refusal, text, name)
    except RecursionError:
        _locate_depth(text, name)
    if not isinstance(value, dict):
        fail(f"holds {kind(value)} where an object {{...}} belongs", name, (1, 1))
    if _is_too_deep(value):
        _locate_depth(text, name)
    if _SURROGATE.search(text) and not is_text(json.dumps(value, ensure_ascii=False)):
        fail("holds half of a surrogate pair, which is not text", name, (1, 1))
    return value


def json_marks(data: bytes) -> dict[str, Position]:
    """Find where every key and list item stands in a JSON text that `load_json` accepted."""
    text = data.decode()
    breaks = line_breaks(text)
    return {
        ".".join(token.path): position(breaks, token.offset)
        for token in _walk(text)
        if token.is_entry
    }


class _Token(NamedTuple):
    path: tuple[str, ...]
    offset: int
    text: str
    is_entry: bool
    """A key, or the first token of a list item; otherwise the value after a key."""


def _walk(text: str) -> Iterator[_Token]:
    """Walk keys, list items and values in order, up to the first syntax error if there is one."""
    stack: list[tuple[tuple[str, ...], int | None]] = []  # path, next index (None in an object)
    key: str | None = None
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token in ":,":
            continue
        if token in "]}":
            stack.pop()
            continue
        path: tuple[str, ...] = ()
        if stack:
            parent, index = stack[-1]
            if index is not None:
                stack[-1] = (parent, index + 1)
                path = (*parent, str(index))
                yield _Token(path, match.start(), token, True)
            elif key is None:
                name: str = json.loads(token)
                key = name
                yield _Token((*parent, name), match.start(), token, True)
                continue
            else:
                path, key = (*parent, key), None
                yield _Token(path, match.start(), token, False)
        if token in "[{":
            stack.append((path, 0 if token == "[" else None))


def _locate_repeated_key(text: str, name: str, *, case_variants: bool) -> NoReturn:
    breaks = line_breaks(text)
    seen: dict[tuple[str, ...], tuple[str, int]] = {}
    for token in _walk(text):
        if not token.is_entry:
            continue
        key = token.path[-1]
        same = (*token.path[:-1], key if case_variants else key.casefold())
        if same in seen:
            first, offset = seen[same]
            problem = repeated(key, first, position(breaks, offset))
            fail(problem, name, position(breaks, token.offset))
        seen[same] = (key, token.offset)
    raise AssertionError("the parser met a repeated key and the walk did not")


def _locate_number(refusal: Refused, text: str, name: str) -> NoReturn:
    # The parser stops at the number, so what follows it may be glued to it: `1e999x`.
    places = (token.offset for token in _walk(text) if token.text.startswith(refusal.word))
    fail(str(refusal), name, position(line_breaks(text), next(places, 0)))


def _constant(word: str) -> NoReturn:
    raise Refused(f"{word} is not a number that can be compared", word)


def _is_too_deep(value: dict[str, Any]) -> bool:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return bool(level)


def _locate_depth(text: str, name: str) -> NoReturn:
    depth = 0
    for match in _BRACKET.finditer(text):
        if match.group() in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                fail(too_deep(), name, position(line_breaks(text), match.start()))
        elif match.group() in "]}":
            depth -= 1
    raise AssertionError("the parser met deep nesting and the walk did not")
