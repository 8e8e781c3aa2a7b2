"""What reading JSON and reading YAML share: caps, numbers, positions and the words of an error."""

import math
from bisect import bisect_left
from collections.abc import Mapping
from typing import NoReturn

from envelope.errors import BadFile

MAX_DEPTH = 64
MAX_INTEGER = 2**53 - 1
"""Largest integer that every JSON reader holds exactly."""

Position = tuple[int, int]
"""Line and column, both counted from 1."""
Marks = Mapping[str, Position]
"""Dotted path of a key or list item, such as `keys.0.name`, to where it stands."""


class Refused(ValueError):
    """A word that is no acceptable number, found where its position is not known."""

    def __init__(self, problem: str, word: str) -> None:
        super().__init__(problem)
        self.word = word


def fail(problem: str, name: str, position: Position) -> NoReturn:
    """Refuse the file called `name` because of what stands at `position`."""
    line, column = position
    raise BadFile(
        f"{name}:{line}:{column}: {problem}",
        next_step="correct the file there and run the command again",
    )


def decode(data: bytes, name: str, max_bytes: int) -> str:
    """Decode UTF-8 without a byte order mark, after the size cap."""
    if len(data) > max_bytes:
        raise BadFile(
            f"{name} has {len(data)} bytes; at most {max_bytes} are read",
            next_step="check that this is the file you meant",
        )
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start]
        position = (before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        fail(f"byte 0x{data[error.start]:02x} is not UTF-8", name, position)
    if text.startswith("\ufeff"):
        fail("begins with a byte order mark; save it as plain UTF-8", name, (1, 1))
    return text


def integer(digits: str) -> int | float:
    """Read a number written without fraction or power.

    RFC 8785 writes a large float so (1e20 as 100000000000000000000); that one spelling is read back
    as the float it was, never as an integer. Raises `Refused` for any other large integer.
    """
    if len(digits) <= 17 and abs(int(digits)) <= MAX_INTEGER:
        return int(digits)
    import rfc8785

    if len(digits) <= 22 and rfc8785.dumps(float(digits)) == digits.encode():
        return float(digits)
    problem = f"{short(digits)} is beyond {MAX_INTEGER}, the largest integer every reader holds"
    raise Refused(problem, digits)


def finite(digits: str) -> float:
    """Read a finite number. Raises `Refused` on overflow to infinity."""
    value = float(digits)
    if not math.isfinite(value):
        raise Refused(f"{short(digits)} is too large for a number", digits)
    return value


def is_text(value: str) -> bool:
    """Whether a string can be written as UTF-8: it holds no half of a surrogate pair."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def line_breaks(text: str) -> list[int]:
    """Offsets of all line breaks, for `position`."""
    return [offset for offset, character in enumerate(text) if character == "\n"]


def position(breaks: list[int], offset: int) -> Position:
    """Line and column of an offset, given the offsets of all line breaks."""
    line = bisect_left(breaks, offset)
    return line + 1, offset - (breaks[line - 1] if line else -1)


def repeated(key: str, first: str, where: Position) -> str:
    """Say that `key` and `first`, which stands at `where`, are the same key to some reader."""
    place = f"line {where[0]}, column {where[1]}"
    if key == first:
        return f"key {short(key)} appears twice (first at {place})"
    return f"keys {short(first)} ({place}) and {short(key)} differ only in case"


def too_deep() -> str:
    """Say that the nesting cap was met."""
    return f"nested more than {MAX_DEPTH} levels deep"


def kind(value: object) -> str:
    """Name the JSON type of a value in words."""
    names: list[tuple[type | tuple[type, ...], str]] = [
        (dict, "an object"),
        (list, "a list"),
        (str, "a text"),
        (bool, "a truth value"),
        ((int, float), "a number"),
    ]
    return next((name for known, name in names if isinstance(value, known)), "nothing")


def short(text: str, limit: int = 60) -> str:
    """Quote a text for a message: no control characters, no more than `limit` of it."""
    shown = repr(text) if text.isprintable() else ascii(text)
    return shown if len(shown) <= limit else f"{shown[:limit]}... ({len(text)} characters)"
