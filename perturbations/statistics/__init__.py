"""Intervals, tests and thresholds: pure functions of numbers, each with its source."""
