"""Configurations as plain, frozen data that JSON can carry."""

from dataclasses import MISSING, Field, fields
from typing import Any, ClassVar, Self

from lewm.errors import LewmError


class PlainConfig:
    """Base of the configurations: to JSON data and back, nothing unknown, nothing missing.

    A field that came later is named in `added` and has a default. It is left out where it is at
    that default, so that what older versions wrote and what this one writes are the same.
    """

    added: ClassVar[tuple[str, ...]] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data; the fields of `added` only where they are off their default."""
        values = {field.name: getattr(self, field.name) for field in _fields(type(self))}
        return {
            field.name: values[field.name]
            for field in _fields(type(self))
            if field.name not in self.added or values[field.name] != _default(field)
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Rebuild from `to_json()`.

        Raises:
            LewmError: a field is unknown or missing, or its value makes no sense.
        """
        known = {field.name for field in _fields(cls)}
        needed = known - set(cls.added)
        if not needed <= set(data) <= known:
            raise LewmError(
                f"{cls.__name__} has the fields {sorted(known)}, the data have {sorted(data)}",
                next_step="write the checkpoint again with this version of lewm",
            )
        try:
            return cls(**data)
        except (TypeError, ValueError) as error:
            raise LewmError(
                f"{cls.__name__} does not accept these values: {error}",
                next_step="check where the file comes from; lewm did not write it",
            ) from error


def _fields(cls: type) -> tuple[Field[Any], ...]:
    return fields(cls)


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()
