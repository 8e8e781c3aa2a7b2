"""JSON as we write it: the canonical form, and the indented form of stored files.

Both are texts that another serialiser also gives (RFC 8785; Python's own with `indent=1`). Records
are mostly long lists of numbers, and those are written here a list at a time.
"""

import json
from functools import lru_cache
from types import NoneType
from typing import Any

_CONTAINERS = frozenset((dict, list, tuple))
_LARGEST = 2**53 - 1
_compact = json.JSONEncoder(separators=(",", ":")).encode
_quoted = json.JSONEncoder(ensure_ascii=False).encode


def canonical(value: object) -> bytes:
    """Serialise as RFC 8785, so that equal values have equal bytes in every language.

    Raises:
        ValueError: NaN, an infinity, an integer beyond 2^53 - 1, or a type JSON does not have.
    """
    return _canonical(value).encode()  # half of a surrogate pair is a UnicodeEncodeError


def indented(value: object) -> bytes:
    """The bytes of `json.dumps(value, indent=1, sort_keys=True)` and a line break."""
    return (_indented(value, "\n") + "\n").encode()


def _canonical(value: object) -> str:
    kind = type(value)
    if kind is float:
        return _float(value)  # type: ignore[arg-type]
    if kind is list or kind is tuple:
        return _list(value)  # type: ignore[arg-type]
    if kind is str:
        return _quoted(value)
    if kind is dict and all(type(key) is str for key in value):  # type: ignore[attr-defined]
        members = sorted(value.items(), key=_by_utf16)  # type: ignore[attr-defined]
        return "{" + ",".join([f"{_quoted(k)}:{_canonical(v)}" for k, v in members]) + "}"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if value is None:
        return "null"
    if kind is int and -_LARGEST <= value <= _LARGEST:  # type: ignore[operator]
        return str(value)
    return _by_library(value)


def _list(value: list[Any] | tuple[Any, ...]) -> str:
    kinds = set(map(type, value))
    if kinds <= {float, NoneType}:
        text = _compact(value)
        if not any(odd in text for odd in ("e", "-0.0", "N", "I")):  # exponents, NaN, Infinity
            return text.replace(".0,", ",").replace(".0]", "]")
    if kinds == {bool} or (kinds == {int} and min(value) >= -_LARGEST and max(value) <= _LARGEST):
        return _compact(value)
    return "[" + ",".join([_canonical(item) for item in value]) + "]"


def _by_utf16(member: tuple[str, Any]) -> bytes:
    return member[0].encode("utf-16be")


def _float(value: float) -> str:
    """Of Python's and ECMAScript's shortest digits only exponents and whole numbers differ."""
    text = repr(value)
    if "e" in text or "n" in text:  # an exponent, nan, inf
        return _by_library(value)
    if text.endswith(".0"):
        return text[:-2] if value else "0"
    return text


def _by_library(value: object) -> str:
    import rfc8785

    # The library's own argument type is recursive and cannot be met by a plain `object`.
    return rfc8785.dumps(value).decode()  # type: ignore[arg-type]


def _indented(value: object, margin: str) -> str:
    inner = margin + " "
    if isinstance(value, dict) and not _CONTAINERS.isdisjoint(map(type, value.values())):
        members = [f"{json.dumps(k)}: {_indented(v, inner)}" for k, v in sorted(value.items())]
        return "{" + inner + ("," + inner).join(members) + margin + "}"
    if isinstance(value, list | tuple) and not _CONTAINERS.isdisjoint(map(type, value)):
        items = [_indented(item, inner) for item in value]
        return "[" + inner + ("," + inner).join(items) + margin + "]"
    text = _flat(inner).encode(value)
    if isinstance(value, dict | list | tuple) and value:
        return text[0] + inner + text[1:-1] + margin + text[-1]
    return text


@lru_cache
def _flat(margin: str) -> json.JSONEncoder:
    """For what holds no lists or mappings: the encoder in C, which knows no indents."""
    return json.JSONEncoder(separators=("," + margin, ": "), sort_keys=True)
