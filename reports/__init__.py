"""A record in, one HTML file out."""

from reports.page import record_digest, render

__all__ = ["record_digest", "render"]
