"""Keeps what a benchmark printed in a page of docs/, between two marks that name the benchmark."""

import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "audit-validity.md"


def keep(name: str, text: str, page: Path = PAGE) -> None:
    """Replace what stands between the marks of that name.

    Raises:
        ValueError: the page has no such marks.
    """
    begin, end = f"<!-- {name}: generated -->", f"<!-- {name}: end -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{page.name} has no place for {name}")
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def made_with(module: str) -> str:
    """When, how and with what the figures were made."""
    words = " ".join(["python -m", module, *sys.argv[1:]])
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "torch"))
    today = datetime.now(UTC).date().isoformat()
    return f"{today}, `{words}`, Python {platform.python_version()}, {versions}."
