"""Progress while measuring: one line that changes on a terminal, plain lines when piped."""

import sys
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from perturbations.cells.runner import CellKey, Progress

_WIDTH = 110
_SLOW_SECONDS = 2.0
_SILENCE_SECONDS = 60.0
"""After so long without a word a log gets one; a terminal is told every second."""


class CellProgress:
    """Called with every cell that ends. Which cells run is decided on the way, so no total.

    Nobody waits without a word: in a `with` block, a thread tells what is still running.
    """

    def __init__(self, *, silence_seconds: float = _SILENCE_SECONDS) -> None:
        self._terminal = sys.stderr.isatty()
        self._silence = 1.0 if self._terminal else silence_seconds
        self._started = self._told = self._since = time.monotonic()
        self._num = 0
        self._suite = ""
        self._doing = ""
        self._expected = 0.0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_telling, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        if self._terminal:
            sys.stderr.write("\r" + " " * _WIDTH + "\r")
            sys.stderr.flush()

    def doing(self, what: str) -> None:
        """Say what is done before the first cell, if it takes long."""
        with self._lock:
            self._doing, self._since = what, time.monotonic()

    def begun(self, key: CellKey) -> None:
        """A cell begins in this process."""
        self.doing(f"{key.suite} {_named(dict(key.condition))}")

    def expect(self, seconds: float, why: str) -> None:
        """Say how long all of it will take, from now on."""
        with self._lock:
            self._expected = time.monotonic() - self._started + seconds
            self._write(f"{why}\n", stays=True)

    def __call__(self, progress: Progress) -> None:
        with self._lock:
            self._num += 1
            self._doing, self._since = "", time.monotonic()
            cell = progress.cell
            how = "kept from before" if progress.reused else f"{progress.seconds:.1f} s"
            if cell.status == "crashed":
                how = f"CRASHED {cell.error}"
            about = f"{cell.suite} {cell.arm} {_named(cell.condition)}"
            line = f"{self._times()} cell {self._num}: {about} ({how})"
            if self._terminal or self._worth_a_line(progress):
                self._write(line)

    def _keep_telling(self) -> None:
        while not self._over.wait(self._silence / 4):
            with self._lock:
                now = time.monotonic()
                if now - self._told >= self._silence:
                    what = self._doing or f"after cell {self._num}"
                    self._write(f"{self._times()} still running, {now - self._since:.0f} s: {what}")

    def _times(self) -> str:
        spent = time.monotonic() - self._started
        if not self._expected:
            return f"[{spent:5.0f} s]"
        left = self._expected - spent
        return f"[{spent:5.0f} s, {in_words(left) if left > 0 else 'none foreseen'} left]"

    def _write(self, line: str, *, stays: bool = False) -> None:
        self._told = time.monotonic()
        if self._terminal:
            sys.stderr.write("\r" + (line if stays else line[:_WIDTH].ljust(_WIDTH)))
        else:
            sys.stderr.write(line if stays else line + "\n")
        sys.stderr.flush()

    def _worth_a_line(self, progress: Progress) -> bool:
        """Hundreds of cells take a tenth of a second each; a log needs the others."""
        suite, self._suite = self._suite, progress.cell.suite
        slow = progress.seconds >= _SLOW_SECONDS and not progress.reused
        return slow or progress.cell.status == "crashed" or progress.cell.suite != suite


def in_words(seconds: float) -> str:
    """A stretch of time that is only roughly known."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} min"
    return f"about {round(seconds / 3600)} h"


def _named(condition: Mapping[str, object]) -> str:
    return " ".join(f"{key}={value}" for key, value in condition.items())
