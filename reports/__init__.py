"""A record in, one HTML file out."""

from reports.migration import page as migration_page
from reports.page import record_digest, render

__all__ = ["migration_page", "record_digest", "render"]
