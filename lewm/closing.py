"""What is closed at the end of a `with`."""

from types import TracebackType
from typing import Self


class Closing:
    """A context that calls `close` at its end, however it ends."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of what is open; nothing, unless a subclass says so."""
