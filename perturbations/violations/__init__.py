"""Events that cannot happen, and clips in which they do."""
