"""Policies that act in a world, and what is kept of it."""
