"""Episodes in a Lance table, as the field lays them out. Needs pyarrow.

    episode_idx, step_idx   int32; an episode's rows follow one another, its steps count from 0
    pixels, pixels_*        one JPEG of quality 95 each, binary
    everything else         a list of float32 of one size, flattened; or a string

A dot in a name becomes an underscore. What that forgets (names, shapes, types, and what was
collected) we add as metadata of the schema, which other readers pass over.

Source: the layout of stable-worldmodel (facts/lewm.md, section 8.2).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lewm.errors import LewmError

INDEX_COLUMNS = ("episode_idx", "step_idx")
_METADATA = b"lewm"


@dataclass(frozen=True)
class Column:
    """One column as it was before it was stored: per frame shape and type."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def stored_name(self) -> str:
        return self.name.replace(".", "_")

    @property
    def is_image(self) -> bool:
        named = self.stored_name == "pixels" or self.stored_name.startswith("pixels_")
        looks = self.dtype == "|u1" and len(self.shape) == 3 and self.shape[-1] in (1, 3)
        return named or looks

    @property
    def is_text(self) -> bool:
        return np.dtype(self.dtype).kind in "OUS"

    @property
    def arrow_type(self) -> pa.DataType:
        if self.is_image:
            return pa.binary()
        if self.is_text:
            return pa.string()
        return pa.list_(pa.float32(), int(np.prod(self.shape)))


def columns_of(episode: Mapping[str, NDArray[Any]]) -> list[Column]:
    """The columns of an episode's arrays, one row per frame each.

    Raises:
        LewmError: two names are one without dots, or `pixels` are no frames.
    """
    columns = [
        Column(name, values.shape[1:], values.dtype.str)
        for name, values in episode.items()
        if name.replace(".", "_") not in (*INDEX_COLUMNS, "ep_idx")
    ]
    names = [column.stored_name for column in columns]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise LewmError(
            f"two columns would be called {twice} in a Lance table, which knows no dots",
            next_step="rename one of them",
        )
    return columns


def schema_of(columns: list[Column], provenance: Mapping[str, Any]) -> pa.Schema:
    """The schema of a table with these columns."""
    about = {
        "columns": {c.stored_name: [c.name, list(c.shape), c.dtype] for c in columns},
        "provenance": dict(provenance),
    }
    fields = [pa.field(name, pa.int32()) for name in INDEX_COLUMNS]
    fields += [pa.field(column.stored_name, column.arrow_type) for column in columns]
    return pa.schema(fields, metadata={_METADATA: json.dumps(about, sort_keys=True)})


def columns_in(schema: pa.Schema) -> tuple[dict[str, Column | None], dict[str, Any]]:
    """Columns of a table by the names they had, or by those stored; and the provenance.

    A column about which the table says nothing is None: it is what it is.
    """
    try:
        about = json.loads((schema.metadata or {})[_METADATA])
        known = {
            stored: Column(str(name), tuple(map(int, shape)), np.dtype(dtype).str)
            for stored, (name, shape, dtype) in about["columns"].items()
        }
        provenance = dict(about["provenance"])
    except (KeyError, TypeError, ValueError, AttributeError):
        known, provenance = {}, {}
    found: dict[str, Column | None] = {}
    for field in schema:
        column = known.get(field.name)
        fits = column is not None and column.arrow_type == field.type
        found[column.name if column and fits else field.name] = column if fits else None
    return found, provenance
