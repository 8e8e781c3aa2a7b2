"""JSON Schema 2020-12 of every record format: `python -m envelope.schema` writes them.

A released schema is never changed: a format that changes gets a new version and a new folder.
"""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import CoreSchema

from envelope.deploy import DeployFile
from envelope.gate import Gate
from envelope.problem import Problem
from envelope.records import Criteria, Envelope, Measurements, Record
from envelope.verdict import Verdict

VERSION = "v0.1"
BASE = f"https://world-model-envelope.invalid/schemas/{VERSION}"
FORMATS: dict[str, type[Record]] = {
    "criteria": Criteria,
    "deploy": DeployFile,
    "envelope": Envelope,
    "gate": Gate,
    "measurements": Measurements,
    "problem": Problem,
    "verdict": Verdict,
}
FOLDER = Path(__file__).parent.parent / "schemas" / VERSION


class _Draft2020(GenerateJsonSchema):
    """Leaves out the one keyword of pydantic that is OpenAPI's and not JSON Schema's."""

    def generate(self, schema: CoreSchema, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        made: JsonSchemaValue = _without_discriminator(super().generate(schema, mode=mode))
        return made


def schema_of(name: str, *, mode: JsonSchemaMode = "validation") -> dict[str, Any]:
    """The schema of one format, by its name in `FORMATS`.

    The line under a field is its description. It is read here and not by pydantic's own option,
    which parses the source of every record at every import.
    """
    made = FORMATS[name].model_json_schema(schema_generator=_Draft2020, mode=mode)
    records = {record.__name__: record for record in _all_records(Record)}
    for title, part in [(FORMATS[name].__name__, made), *made.get("$defs", {}).items()]:
        for field, text in _field_docs(records[title]).items() if title in records else ():
            part["properties"][field]["description"] = text
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{BASE}/{name}.schema.json",
        **made,
    }


def schema_text(name: str) -> str:
    """The same as the file holds it."""
    return json.dumps(schema_of(name), indent=2, sort_keys=True) + "\n"


def write_schemas(folder: Path = FOLDER) -> list[Path]:
    """Write one file per format; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.schema.json" for name in FORMATS]
    for name, path in zip(FORMATS, paths, strict=True):
        path.write_text(schema_text(name), encoding="utf-8")
    return paths


def _all_records(record: type[Record]) -> Iterator[type[Record]]:
    for child in record.__subclasses__():
        yield child
        yield from _all_records(child)


def _field_docs(record: type[Record]) -> dict[str, str]:
    """The string under each field, as the source has it, own fields and inherited ones."""
    found: dict[str, str] = {}
    for part in reversed(record.__mro__):
        if not issubclass(part, Record) or part is Record:
            continue
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(part))).body
        assert isinstance(body, ast.ClassDef)
        for field, below in pairwise(body.body):
            if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr):
                name, text = ast.unparse(field.target), ast.literal_eval(below.value)
                found[name] = inspect.cleandoc(text)
    return found


def _without_discriminator(node: Any) -> Any:
    if isinstance(node, dict):
        return {k: _without_discriminator(v) for k, v in node.items() if k != "discriminator"}
    if isinstance(node, list):
        return [_without_discriminator(item) for item in node]
    return node


if __name__ == "__main__":
    for written in write_schemas():
        print(written.name)
