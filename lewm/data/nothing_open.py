"""Sources that hold no file open."""

from types import TracebackType
from typing import Self


class NothingOpen:
    """A context with nothing to close."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass
