"""Read a file once, and know which bytes those were."""

import hashlib
import stat
from dataclasses import dataclass
from pathlib import Path

from lewm.errors import LewmError

MAX_WEIGHTS_BYTES = 8 * 2**30


@dataclass(frozen=True)
class FileRead:
    """One file as it was read: what was hashed is what was parsed."""

    name: str
    """Its name alone, no folder."""
    size_bytes: int
    sha256: str


def read_file(path: Path, *, max_bytes: int = MAX_WEIGHTS_BYTES) -> tuple[bytes, FileRead]:
    """The bytes of a file, and their digest.

    Raises:
        LewmError: it cannot be read, or is larger than `max_bytes`.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # reading a pipe or a device may never end
            raise LewmError(f"{path} is no regular file", next_step="check the path")
        with path.open("rb") as file:
            content = file.read(max_bytes + 1) if status.st_size <= max_bytes else None
    except OSError as error:
        raise LewmError(
            f"{path} cannot be read: {error.strerror}", next_step="check the path"
        ) from error
    if content is None or len(content) > max_bytes:
        raise LewmError(
            f"{path} has more than the {max_bytes} bytes that are read of such a file",
            next_step="check the path; no model of this kind is so large",
        )
    return content, FileRead(path.name, len(content), hashlib.sha256(content).hexdigest())
