"""Where a gate writes: held to what it reads before anything is measured."""

from collections.abc import Mapping
from pathlib import Path

from envelope.cli.files import GateFolder
from envelope.errors import BadFile

_PAGE_START = b"<!doctype html>"
_ELSEWHERE = "call the page something else, for instance gate.html"


def require_targets(files: GateFolder, html: Path | None, inputs: Mapping[str, Path]) -> None:
    """Refuse a folder or a page that cannot be written, or that takes the place of another file.

    Args:
        files: where the decision goes.
        html: where its page goes, if it gets one.
        inputs: what the gate reads, by option; a folder stands for all files in it.

    Raises:
        BadFile: as said; nothing was written yet.
    """
    _require_folder("--out", files.path)
    if html is None:
        return
    if html.name in (files.gate.name, files.attestation.name):
        raise BadFile(
            f"--html is {html}, and {html.name} is what another file of the gate is called",
            next_step=_ELSEWHERE,
        )
    if html.is_dir() or not html.name.isprintable():
        raise BadFile(f"--html is {html}, which is no file's name", next_step=_ELSEWHERE)
    _require_folder("the folder of --html", html.parent)
    target = html.resolve()
    for option, path in inputs.items():
        if target.is_relative_to(path.resolve()) or (html.exists() and _is_same(html, path)):
            raise BadFile(
                f"--html is {html}, which is {option} or lies in it: the page would replace what "
                "the gate reads",
                next_step=_ELSEWHERE,
            )
    if html.exists() and not _is_page(html):
        raise BadFile(f"--html is {html}, which is there and is no page", next_step=_ELSEWHERE)


def _require_folder(name: str, folder: Path) -> None:
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise BadFile(
            f"{name} is {folder}, and {there} is a file",
            next_step="name a folder that is there or can be made",
        )


def _is_same(html: Path, path: Path) -> bool:
    return path.exists() and html.samefile(path)


def _is_page(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_PAGE_START)).lower() in (_PAGE_START, b"")
