"""The one loader for JSON and YAML: one text, one meaning, or an error with file, line and column.

Two programs that read the same bytes differently are an attack (facts/governance.md 3.2), so
whatever parsers disagree about is refused: repeated keys and keys that differ only in case, numbers
that are not finite or not exact, aliases, tags, deep nesting, anything oversized.
"""

from envelope.strict.fields import parse_record
from envelope.strict.json_text import MAX_JSON_BYTES, json_marks, load_json
from envelope.strict.text import MAX_DEPTH, MAX_INTEGER, Marks, Position
from envelope.strict.written import canonical, indented
from envelope.strict.yaml_text import MAX_YAML_BYTES, load_yaml

__all__ = [
    "MAX_DEPTH",
    "MAX_INTEGER",
    "MAX_JSON_BYTES",
    "MAX_YAML_BYTES",
    "Marks",
    "Position",
    "canonical",
    "indented",
    "json_marks",
    "load_json",
    "load_yaml",
    "parse_record",
]
