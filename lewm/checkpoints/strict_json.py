"""JSON from files that nobody vouches for: one reading, small, shallow, finite, or refused.

A twin of what `envelope.strict` does, which this package must not import.
"""

import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

from lewm.errors import LewmError

MAX_BYTES = 16 * 2**20
MAX_DEPTH = 32
_MAX_DIGITS = 300
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)


def load_object(data: bytes, name: str, *, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """Read one JSON object.

    Args:
        data: UTF-8 text.
        name: what to call it in messages.
        max_bytes: refuse anything longer before looking at it.

    Raises:
        LewmError: anything else than one object, a repeated key, more than 32 levels, a number
            that is not finite or has hundreds of digits.
    """
    if len(data) > max_bytes:
        raise _bad(name, f"has {len(data)} bytes, at most {max_bytes} are read")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _bad(name, f"is not UTF-8 at byte {error.start}") from None
    if (depth := _depth(text)) > MAX_DEPTH:
        raise _bad(name, f"is nested {depth} levels deep, at most {MAX_DEPTH} are read")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_members(name),
            parse_int=_number(name, int),
            parse_float=_number(name, float),
            parse_constant=_constant(name),
        )
    except ValueError as error:
        raise _bad(name, f"is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise _bad(name, f"holds a {type(value).__name__}, expected an object")
    return value


def _depth(text: str) -> int:
    depth = deepest = 0
    for mark in re.findall(r"[\[\]{}]", _STRING.sub("", text)):
        depth += 1 if mark in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _members(name: str) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise _bad(name, f"has the key {twice!r} twice in one object")
        return found

    return members


def _number(name: str, kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def number(text: str) -> Any:
        if len(text) > _MAX_DIGITS:
            raise _bad(name, f"has a number of {len(text)} digits")
        value = kind(text)
        if value in (float("inf"), float("-inf")):
            raise _bad(name, f"has the number {text[:20]}, which is not finite")
        return value

    return number


def _constant(name: str) -> Callable[[str], NoReturn]:
    def constant(text: str) -> NoReturn:
        raise _bad(name, f"has {text} where a finite number belongs")

    return constant


def _bad(name: str, problem: str) -> LewmError:
    return LewmError(f"{name} {problem}", next_step="take the file again from where it came from")
