"""Pages are found from their index, and links lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
INDEX = DOCS / "README.md"


def links_of(page: Path) -> set[Path]:
    """Files of this repository that a page links to."""
    found = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    return {(page.parent / link).resolve() for link in found if "://" not in link}


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))], ids=str)
def test_every_link_leads_to_a_file(page):
    assert [str(link) for link in links_of(page) if not link.exists()] == []


def test_the_index_names_every_page_and_every_decision():
    assert links_of(INDEX) >= {page.resolve() for page in DOCS.rglob("*.md")} - {INDEX.resolve()}
