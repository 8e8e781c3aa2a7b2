"""A candidate against the base it was made from."""
