"""Lawful episodes as the planner drives them."""
