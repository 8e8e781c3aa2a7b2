"""Factors of variation: what about a world can be changed, between which limits.

A factor has a dotted name, such as `wall.color`. An *appearance* factor changes the
picture alone; a *dynamics* factor changes what an action does, so a world with another
value is another world for a planner. The split lets an audit call one a nuisance and the
other a different task. A *rendering* factor says how pictures are made for everybody who looks
at this world: it is part of what a data set or record is about, and no nuisance.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lewm.errors import LewmError

FactorValue = int | float | tuple[int, ...] | tuple[float, ...]


@dataclass(frozen=True)
class Factor:
    """One thing that can be changed.

    A value is a number, or a tuple of `len(default)` numbers where `default` is a tuple;
    each number lies in [`low`, `high`], whole unless `low` is a float.
    """

    role: Literal["appearance", "dynamics", "rendering"]
    default: FactorValue
    low: int | float
    high: int | float
    unit: str

    @property
    def is_whole(self) -> bool:
        """Whether the factor takes whole numbers only."""
        return isinstance(self.low, int)

    def checked(self, name: str, value: object) -> FactorValue:
        """Return `value` in plain Python numbers.

        Raises:
            LewmError: the value has another type, another length or lies outside the range.
        """
        width = len(self.default) if isinstance(self.default, tuple) else 0
        array = self._as_numbers(name, value)
        if array.shape != ((width,) if width else ()):
            # A one-element array is how gymnasium spaces hold a single number.
            if width == 0 and array.shape == (1,):
                array = array[0]
            else:
                raise self._wrong_type(name, value)
        self._check_range(name, value, array)
        number = int if self.is_whole else float
        if width:
            return tuple(number(item) for item in array)
        return number(array)

    def checked_rows(self, name: str, value: object, num_rows: int) -> np.ndarray[Any, Any]:
        """Return `value` as one row per environment.

        Args:
            name: dotted name, for messages.
            value: one value for all, or one value per environment.
            num_rows: number of environments N.

        Returns:
            (1, width) or (N, width), float64; width is 1 for a single number.

        Raises:
            LewmError: as for `checked`, or there are neither 1 nor N values.
        """
        array = self._as_numbers(name, value)
        width = len(self.default) if isinstance(self.default, tuple) else 1
        item_axes = 1 if isinstance(self.default, tuple) else 0
        if array.ndim == item_axes and array.shape == ((width,) if item_axes else ()):
            rows = array.reshape(1, width)
        elif array.ndim >= 1 and array.shape in {
            (num_rows, width),
            (num_rows, width)[: item_axes + 1],
        }:
            rows = array.reshape(num_rows, width)
        else:
            raise LewmError(
                f"{name} has shape {array.shape} for {num_rows} environments; expected "
                f"{(width,) if item_axes else ()} or {(num_rows, width)[: item_axes + 1]}",
                next_step="give one value for all environments, or one per environment",
            )
        self._check_range(name, value, rows)
        return rows.astype(np.float64)

    def _as_numbers(self, name: str, value: object) -> np.ndarray[Any, Any]:
        try:
            array = np.asarray(value)
        except ValueError:
            raise self._wrong_type(name, value) from None
        if array.dtype.kind not in ("iu" if self.is_whole else "iuf"):
            raise self._wrong_type(name, value)
        return array

    def _check_range(self, name: str, value: object, array: np.ndarray[Any, Any]) -> None:
        if not np.all((array >= self.low) & (array <= self.high)):  # also refuses NaN
            raise LewmError(
                f"{name} is {_short(value)}, its range is {self.low} to {self.high} {self.unit}",
                next_step="choose a value inside the range",
            )

    def _wrong_type(self, name: str, value: object) -> LewmError:
        kind = "whole number" if self.is_whole else "number"
        expected = (
            f"{len(self.default)} {kind}s" if isinstance(self.default, tuple) else f"a {kind}"
        )
        return LewmError(
            f"{name} is {_short(value)} ({type(value).__name__}), expected {expected} "
            f"such as {self.default}",
            next_step=f"give {expected} from {self.low} to {self.high}",
        )


def find(factors: Mapping[str, Factor], name: str) -> Factor:
    """Return the factor called `name`.

    Raises:
        LewmError: there is none; the message lists those that exist.
    """
    if name not in factors:
        raise LewmError(
            f"no factor is called {name!r}; there are {', '.join(sorted(factors))}",
            next_step="use one of these names",
        )
    return factors[name]


def _short(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else text[:77] + "..."
