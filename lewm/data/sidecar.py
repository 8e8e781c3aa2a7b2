"""What is costly to compute from a data set, kept beside it as `<name>.stats.json`.

It is believed only as long as every file of the data set has the size and the times of last change
that it had then. One of these, the time at which the entry of the file changed (`ctime`), cannot be
set by a program, so a file that was edited and given its old date back is noticed. A copied or
renamed data set is computed anew. Where the folder cannot be written nothing is kept.
"""

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from lewm.partial import written_whole

_FORMAT = "lewm.data.windows-statistics/1"


class Sidecar:
    """Named results about one data set, a file or a folder, as it is when this is made."""

    def __init__(self, path: Path) -> None:
        self._data = path
        self._of = identity(path)  # before anything is computed: what changes meanwhile is stale
        named = Path(os.path.abspath(path))  # "." has no name
        self.path = named.parent / f"{named.name}.stats.json"

    def get(self, name: str) -> Any:
        """The result kept under this name, or None if there is none of the data as they are."""
        return self._load().get(name)

    def put(self, name: str, value: Any) -> None:
        """Keep a result beside those that still hold."""
        content = {**self._load(), name: value, "format": _FORMAT, "of": self._of}
        with contextlib.suppress(OSError), written_whole(self.path) as partial:
            partial.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")

    def _load(self) -> dict[str, Any]:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        is_ours = isinstance(content, dict) and content.get("format") == _FORMAT
        return content if is_ours and content.get("of") == identity(self._data) else {}


def files_of(path: Path) -> list[Path]:
    """The files of a data set: itself, or all below a folder, in the order of their names."""
    if not path.is_dir():
        return [path]
    return sorted(found for found in path.rglob("*") if found.is_file())


def identity(path: Path) -> str:
    """Digest of the names, sizes and times of a data set's files; none is read."""
    sha = hashlib.sha256()
    for file in files_of(path):
        stat = file.stat()
        name = file.relative_to(path).as_posix()
        sha.update(f"{name} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}\n".encode())
    return sha.hexdigest()


def content_digest(path: Path) -> str:
    """SHA-256 of a data set's bytes, streamed, and kept.

    A file's is that of its content. A folder's is that of one line for each file in it, the
    SHA-256 of its content and its name, in the order of the names.
    """
    sidecar = Sidecar(path)
    kept = sidecar.get("sha256")
    if isinstance(kept, str):
        return kept
    digest = files_digest(path) if path.is_dir() else _digest(path)
    sidecar.put("sha256", digest)
    return digest


def files_digest(folder: Path) -> str:
    """That of a folder, computed anew: nothing is kept beside it."""
    sha = hashlib.sha256()
    for file in files_of(folder):
        sha.update(f"{_digest(file)}  {file.relative_to(folder).as_posix()}\n".encode())
    return sha.hexdigest()


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
