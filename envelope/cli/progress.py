"""Progress while measuring: one line that changes on a terminal, plain lines when piped."""

import sys
import time
from types import TracebackType
from typing import Self

from perturbations.cells import Progress

_WIDTH = 100
_SLOW_SECONDS = 2.0


class CellProgress:
    """Called with every cell that ends. Which cells run is decided on the way, so no total."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._started = time.monotonic()
        self._num = 0
        self._suite = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._terminal and self._num:
            sys.stderr.write("\r" + " " * _WIDTH + "\r")
            sys.stderr.flush()

    def __call__(self, progress: Progress) -> None:
        self._num += 1
        cell = progress.cell
        condition = " ".join(f"{key}={value}" for key, value in cell.condition.items())
        how = "kept from before" if progress.reused else f"{progress.seconds:.1f} s"
        if cell.status == "crashed":
            how = f"CRASHED {cell.error}"
        line = (
            f"[{time.monotonic() - self._started:5.0f} s] cell {self._num}: {cell.suite} "
            f"{cell.arm} {condition} ({how})"
        )
        if self._terminal:
            sys.stderr.write("\r" + line[:_WIDTH].ljust(_WIDTH))
        elif self._worth_a_line(progress):
            sys.stderr.write(line + "\n")
        sys.stderr.flush()

    def _worth_a_line(self, progress: Progress) -> bool:
        """Hundreds of cells take a tenth of a second each; a log needs the others."""
        suite, self._suite = self._suite, progress.cell.suite
        slow = progress.seconds >= _SLOW_SECONDS and not progress.reused
        return slow or progress.cell.status == "crashed" or progress.cell.suite != suite
