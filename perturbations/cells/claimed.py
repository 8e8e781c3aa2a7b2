"""Who runs which cell, among the processes of one run: told by locked files.

The lock of a process that dies is released by the operating system; what it had begun can be read
in the file it leaves behind.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

Claim = Literal["free", "held", "lost"]
"""Of the one who asks; of another process; of a process that died over it."""
_BEGUN = "begun"


class Claims:
    """A folder with one file for every cell that was begun, and one for every one that crashed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def on(self, cell_id: str) -> Iterator[Claim]:
        """Claim a cell for the time of a `with` block; it does not wait."""
        with self._path(cell_id).open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield "held"
                return
            file.seek(0)
            if file.read():
                yield "lost"
                return
            file.write(_BEGUN)
            file.flush()
            try:
                yield "free"
            finally:
                file.truncate(0)

    def wait(self, cell_id: str) -> None:
        """Return when nobody holds the cell."""
        with self._path(cell_id).open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)

    def lost(self) -> list[str]:
        """Cells over which a process died. Only to be asked when no process is left."""
        return [path.stem for path in self.folder.glob("*.lock") if path.read_text("utf-8")]

    def crash(self, cell_id: str, error: str) -> None:
        """Tell the others that a cell crashed; its file appears whole."""
        part = self.folder / f"{cell_id}.part"
        part.write_text(error, encoding="utf-8")
        part.replace(self._crash_path(cell_id))

    def error(self, cell_id: str) -> str | None:
        """What was raised in a cell; None where nothing was."""
        try:
            return self._crash_path(cell_id).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def errors(self) -> dict[str, str]:
        """What was raised, by cell."""
        return {path.stem: path.read_text(encoding="utf-8") for path in self.folder.glob("*.crash")}

    def _path(self, cell_id: str) -> Path:
        return self.folder / f"{cell_id}.lock"

    def _crash_path(self, cell_id: str) -> Path:
        return self.folder / f"{cell_id}.crash"
