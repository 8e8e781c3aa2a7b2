"""Tensor names of the official checkpoints, in both layouts of the encoder.

Released weights name the encoder's tensors as transformers 4 does, and so does this package.
transformers 5 renamed them; a reference package installed today writes and loads only those.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from torch import Tensor

from lewm.errors import LewmError

Layout = Literal["v4", "v5"]

_PARTS = {
    "attention.attention.query": "attention.q_proj",
    "attention.attention.key": "attention.k_proj",
    "attention.attention.value": "attention.v_proj",
    "attention.output.dense": "attention.o_proj",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
    "layernorm_before": "layernorm_before",
    "layernorm_after": "layernorm_after",
}
"""Parts of one encoder block, as version 4 and as version 5 of transformers name them."""

_BACK = {new: old for old, new in _PARTS.items()}
_V4 = re.compile(r"encoder\.encoder\.layer\.(\d+)\.(.+)\.(weight|bias)")
_V5 = re.compile(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)")
_PREFIXES = ("model.", "module.", "_orig_mod.")
"""What wrappers put before every name: a trainer, data parallelism, compilation."""


class Canonical(NamedTuple):
    """Tensors under the names that `LeWM.state_dict()` has."""

    tensors: dict[str, Tensor]
    layout: Layout
    """How the file names them."""
    is_bare: bool
    """The file's names had nothing before them, so that the reference package loads it as is."""


def to_v5(name: str) -> str:
    """A version 4 name as version 5 has it; others as they are."""
    found = _V4.fullmatch(name)
    if found is None or found[2] not in _PARTS:
        return name
    return f"encoder.layers.{found[1]}.{_PARTS[found[2]]}.{found[3]}"


def to_v4(name: str) -> str:
    """A version 5 name as version 4 has it; others as they are."""
    found = _V5.fullmatch(name)
    if found is None or found[2] not in _BACK:
        return name
    return f"encoder.encoder.layer.{found[1]}.{_BACK[found[2]]}.{found[3]}"


def rename(tensors: Mapping[str, Tensor], layout: Layout) -> dict[str, Tensor]:
    """Tensors of `LeWM.state_dict()` under the names of a layout."""
    return {to_v5(name) if layout == "v5" else name: value for name, value in tensors.items()}


def layout_of(names: Iterable[str]) -> Layout:
    """Which transformers wrote these names."""
    return "v5" if any(_V5.fullmatch(name) for name in names) else "v4"


def canonical(tensors: Mapping[str, Tensor], file: str) -> Canonical:
    """Take off what stands before every name, and give the encoder its version 4 names.

    Raises:
        LewmError: two tensors would get one name.
    """
    bare = dict(tensors)
    while bare and (before := _common_prefix(bare)):
        bare = {name.removeprefix(before): value for name, value in bare.items()}
    renamed = {to_v4(name): value for name, value in bare.items()}
    if len(renamed) != len(bare):
        twice = next(name for name in bare if to_v4(name) != name and to_v4(name) in bare)
        raise LewmError(
            f"{file} has {twice} and {to_v4(twice)}, which are one tensor in two layouts",
            next_step="export the weights again from the package that wrote them",
        )
    return Canonical(renamed, layout_of(bare), bare.keys() == tensors.keys())


def _common_prefix(names: Iterable[str]) -> str | None:
    listed = list(names)
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in listed):
            return prefix
    return None
