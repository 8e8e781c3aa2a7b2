"""The files of a model folder, by path and digest, as OpenSSF Model Signing lists them.

Git's own files are left out, as that format leaves them out; links and anything that is neither a
file nor a folder are refused, because what they stand for can change without the folder changing.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from envelope.digest import file_sha256
from envelope.errors import BadFile

GIT_PATHS = (".git", ".gitattributes", ".github", ".gitignore")
"""What the format ignores in every folder, at its top."""

MAX_FILES = 10_000


@dataclass(frozen=True)
class Listing:
    """A folder as it is now."""

    digests: dict[str, str]
    """SHA-256 by relative path, sorted as the format sorts: by the parts of the path."""
    git: tuple[str, ...]
    """Names of Git's own that are there; no signature covers them."""


def list_folder(folder: Path, *, but: Path | None = None) -> Listing:
    """Hash every file in a folder.

    Args:
        folder: the model.
        but: a file to leave out wherever it lies: the signature itself.

    Raises:
        BadFile: no such folder, a link or a device in it, a name that cannot be signed, no file or
            more than 10,000.
    """
    if folder.is_symlink() or not folder.is_dir():
        raise BadFile(
            f"{folder} is no folder" + (" but a link to one" if folder.is_symlink() else ""),
            next_step="give the folder of a model, for instance one that `lewm export` wrote",
        )
    left_out = but.resolve() if but is not None else None
    found = [path for path in _walk(folder) if path.resolve() != left_out]
    names = sorted(PurePosixPath(path.relative_to(folder).as_posix()) for path in found)
    if not names:
        raise BadFile(f"{folder} holds no file", next_step="check the path")
    _require_plain([str(name) for name in names], folder)
    git = tuple(name for name in GIT_PATHS if os.path.lexists(folder / name))
    return Listing({str(name): file_sha256(folder / name) for name in names}, git)


def _walk(folder: Path) -> Iterator[Path]:
    """Regular files below a folder, Git's own left out."""
    waiting, num_files = [folder], 0
    while waiting:
        here = waiting.pop()
        with os.scandir(here) as scan:
            entries = list(scan)
        for entry in entries:
            path = here / entry.name
            if here == folder and entry.name in GIT_PATHS:
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append(path)
            elif entry.is_file(follow_symlinks=False):
                num_files += 1
                if num_files > MAX_FILES:
                    raise BadFile(
                        f"{folder} holds more than {MAX_FILES} files",
                        next_step="give the folder of one model",
                    )
                yield path
            else:
                raise BadFile(
                    f"{path} is {'a link' if entry.is_symlink() else 'no regular file'}, which no "
                    "signature can cover",
                    next_step=f"copy the folder with what its links lead to: cp -rL {folder} COPY",
                )


def _require_plain(names: list[str], folder: Path) -> None:
    """Names that two systems would read differently cannot be signed."""
    if odd := [name for name in names if not is_plain_path(name)]:
        raise BadFile(
            f"{folder} holds a file named {odd[0]!a}, which not every system can have",
            next_step="rename it",
        )


def is_plain_path(name: str) -> bool:
    """Whether a relative path is normalised, printable, and stays where it is told."""
    parts = name.split("/")
    return (
        name.isprintable()
        and 0 < len(name) <= 1024
        and not any(mark in name for mark in '\\:*?"<>|')
        and not any(part in ("", ".", "..") for part in parts)
    )
