"""Where the time of this process goes: seconds by kind of work. Times are no results."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Stopwatch:
    """Adds up seconds by kind. Timed work inside timed work counts for itself alone."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inside = 0.0

    @contextmanager
    def running(self, kind: str) -> Iterator[None]:
        """Count the time of a `with` block."""
        around, self._inside = self._inside, 0.0
        started = time.perf_counter()
        try:
            yield
        finally:
            taken = time.perf_counter() - started
            self.seconds[kind] += taken - self._inside
            self._inside = around + taken

    def timed(self, kind: str, function: Callable[P, R]) -> Callable[P, R]:
        """The same function, whose time counts."""

        @wraps(function)
        def counted(*args: P.args, **kwargs: P.kwargs) -> R:
            with self.running(kind):
                return function(*args, **kwargs)

        return counted

    def watch(self, owner: Any, **kinds: str) -> None:
        """Count the time of an object's methods, by name of the method; those it lacks are none."""
        for name, kind in kinds.items():
            method = getattr(owner, name, None)
            if method is not None:
                object.__setattr__(owner, name, self.timed(kind, method))


STOPWATCH = Stopwatch()
"""The one of this process."""
