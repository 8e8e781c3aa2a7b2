"""Scores that are to tell what a model has not seen before."""
