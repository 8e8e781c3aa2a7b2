"""One question each: cells that answer it, and a summary that needs no model."""
