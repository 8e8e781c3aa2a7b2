"""Nested configurations of other people, checked field by field against a list.

Nothing is instantiated: a node is a dictionary whose fields have the values that are listed for
them, and whose `_target_` is text that is compared.
"""

import json
from collections.abc import Callable, Collection, Iterator
from typing import Any

from lewm.errors import LewmError

Check = Callable[[Any], str | None]
"""None where a value fits, else what was expected."""

Fields = dict[str, tuple[Check, Any]]
"""What each field may hold, and its value where it is left out."""

MISSING = object()
"""Stands for the value of a field that must not be left out."""

_HYDRA = {"_convert_": ("none", "partial", "object", "all"), "_recursive_": (True,)}
"""Fields that steer instantiation; where nothing is instantiated they change nothing."""


def whole(most: int) -> Check:
    """A whole number from 1 to `most`; a truth value is none."""

    def check(value: Any) -> str | None:
        fits = type(value) is int and 1 <= value <= most
        return None if fits else f"a whole number from 1 to {most}"

    return check


def only(*values: Any) -> Check:
    """One of these values, of the same type."""

    def check(value: Any) -> str | None:
        fits = any(type(value) is type(one) and value == one for one in values)
        return None if fits else " or ".join(json.dumps(one) for one in values)

    return check


def optional(check: Check) -> Check:
    """What `check` takes, or null."""
    return lambda value: None if value is None else check(value)


def share(value: Any) -> str | None:
    """A number in [0, 1)."""
    fits = type(value) in (int, float) and 0 <= value < 1
    return None if fits else "a number in [0, 1)"


def a_node(value: Any) -> str | None:
    """A node of its own."""
    return None if isinstance(value, dict) else "an object with a _target_"


class Nodes:
    """Reads the nodes of one file, and says where in it a value is refused."""

    def __init__(self, name: str, *, next_step: str) -> None:
        self.name = name
        self.next_step = next_step

    def require_targets(self, tree: Any, known: Collection[str]) -> None:
        """Refuse any `_target_`, however deep, that is not known.

        Raises:
            LewmError: naming the first of them with its value.
        """
        for path, target in _targets(tree, ""):
            if not isinstance(target, str) or target not in known:
                raise self.refusal(path, target, "a class of the official LeWM")

    def read(
        self,
        node: dict[str, Any],
        path: str,
        targets: Collection[str],
        fields: Fields,
        *,
        partial: bool = False,
    ) -> dict[str, Any]:
        """The fields of one node, checked, with defaults where they are left out.

        Raises:
            LewmError: a field is unknown, missing, or has a value that is not listed.
        """
        prefix = f"{path}." if path else ""
        steering: Fields = {
            "_target_": (only(*targets), MISSING),
            "_partial_": (only(partial), False),
            **{name: (only(*values), values[0]) for name, values in _HYDRA.items()},
        }
        if unknown := sorted(node.keys() - steering.keys() - fields.keys()):
            raise LewmError(
                f"{self.name} has the field {prefix}{unknown[0][:80]}, which no LeWM has",
                next_step=self.next_step,
            )
        found = {}
        for name, (check, default) in {**steering, **fields}.items():
            value = node.get(name, default)
            if value is MISSING:
                raise LewmError(f"{self.name} lacks {prefix}{name}", next_step=self.next_step)
            if (name in node or value is not None) and (expected := check(value)):
                raise self.refusal(prefix + name, value, expected)
            found[name] = value
        return found

    def refusal(self, path: str, found: Any, expected: str) -> LewmError:
        """One message for a value that does not fit, cut short where it is long."""
        shown = json.dumps(found)
        shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
        return LewmError(
            f"{self.name} says {path} = {shown}, expected {expected}", next_step=self.next_step
        )


def _targets(tree: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every `_target_` in the tree with the path of its field."""
    members: list[tuple[str, Any]] = []
    if isinstance(tree, dict):
        members = [(f"{path}.{key}" if path else key, value) for key, value in tree.items()]
    elif isinstance(tree, list):
        members = [(f"{path}[{place}]", value) for place, value in enumerate(tree)]
    for where, value in members:
        if where.rpartition(".")[2] == "_target_":
            yield where, value
        yield from _targets(value, where)
