"""Plain data into a record, with one error that names every field that does not fit."""

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from envelope.errors import BadFile, EnvelopeError
from envelope.strict.text import Marks, kind, short

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

    M = TypeVar("M", bound=BaseModel)

_MAX_SHOWN = 8
_ABSENT = object()


def parse_record(
    model: "type[M]",
    data: dict[str, Any],
    name: str,
    marks: Marks | Callable[[], Marks] | None = None,
    *,
    error: type[EnvelopeError] = BadFile,
    next_step: str = "correct the file there and run the command again",
) -> "M":
    """Check loaded data against its record, strictly: no conversion between types.

    Args:
        model: the record.
        data: what `load_json` or `load_yaml` returned.
        name: what to call the file in messages.
        marks: where keys stand, or a function that finds out; called only when something is wrong.
        error: what to raise.
        next_step: what its reader should do.

    Raises:
        EnvelopeError: of the given class, with a line per field: its path, what was expected, what
            was found, and the nearest known name for an unknown one.
    """
    from pydantic import ValidationError

    try:
        # As JSON, because there a strict record still takes a list for a tuple and a text for a
        # time, which is the only way the file can write them.
        return model.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as failure:
        places = marks() if callable(marks) else marks or {}
        lines = list(_describe(model, data, failure.errors(include_url=False)).items())
        problems = [f"{_place(name, path, places)}: {text}" for path, text in lines[:_MAX_SHOWN]]
        if len(lines) > _MAX_SHOWN:
            problems.append(f"and {len(lines) - _MAX_SHOWN} more")
        raise error("\n".join(problems), next_step=next_step) from None


def _describe(
    model: "type[BaseModel]", data: dict[str, Any], errors: "list[ErrorDetails]"
) -> dict[tuple[str, ...], str]:
    """One text per field; what a union expects is joined by `or`."""
    texts: dict[tuple[str, ...], list[str]] = {}
    found: dict[tuple[str, ...], str] = {}
    for error in errors:
        path = _real_path(data, error["loc"], error["type"])
        text, what = _words(model, path, error)
        here = texts.setdefault(path, [])
        if text not in here:
            here.append(text)
        if what is not None:
            found[path] = f", found {what}"
    return {
        path: f"{'.'.join(path) or 'the whole file'}: {first}"
        + "".join(f" or {text.removeprefix('expected ')}" for text in others)
        + found.get(path, "")
        for path, (first, *others) in texts.items()
    }


def _words(
    model: "type[BaseModel]", path: tuple[str, ...], error: "ErrorDetails"
) -> tuple[str, str | None]:
    """What is wrong, and what was found where that helps."""
    message = error["msg"]
    if error["type"] == "missing":
        return "this field is missing", None
    if error["type"] == "extra_forbidden":
        return f"unknown field{_suggestion(model, path)}", None
    if error["type"] in ("value_error", "assertion_error"):
        return message.partition(", ")[2], None
    return message.replace("Input should be ", "expected "), _shown(error["input"])


def _real_path(data: Any, loc: tuple[int | str, ...], error_type: str) -> tuple[str, ...]:
    """The path in the file: pydantic's also names union members and validators."""
    path: list[str] = []
    for place, part in enumerate(loc):
        inner = _member(data, part)
        if inner is not _ABSENT:
            data = inner
        elif error_type != "missing" or place != len(loc) - 1:
            continue
        path.append(str(part))
    return tuple(path)


def _member(data: Any, part: int | str) -> Any:
    if isinstance(data, dict):
        return data.get(part, _ABSENT)
    if isinstance(data, list) and isinstance(part, int) and part < len(data):
        return data[part]
    return _ABSENT


def _suggestion(model: "type[BaseModel]", path: tuple[str, ...]) -> str:
    import difflib

    known = {name for record in _records_at(model, path[:-1]) for name in record.model_fields}
    close = difflib.get_close_matches(path[-1], sorted(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _records_at(model: "type[BaseModel]", path: tuple[str, ...]) -> "set[type[BaseModel]]":
    """The records whose fields may stand at a path; keys of a mapping and indices are passed by."""
    here = {model}
    for part in path:
        fields = [record.model_fields[part] for record in here if part in record.model_fields]
        if fields:
            here = {record for field in fields for record in _records_in(field.annotation)}
    return here


def _records_in(annotation: Any) -> "Iterator[type[BaseModel]]":
    if isinstance(annotation, type) and hasattr(annotation, "model_fields"):
        yield annotation
    for argument in get_args(annotation):
        yield from _records_in(argument)


def _place(name: str, path: tuple[str, ...], marks: Marks) -> str:
    """File, line and column of a field, or of the nearest thing around it that has a place."""
    for length in range(len(path), 0, -1):
        if mark := marks.get(".".join(path[:length])):
            return f"{name}:{mark[0]}:{mark[1]}"
    return name


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return kind(value)
    if isinstance(value, str):
        return short(value)
    return json.dumps(value)
