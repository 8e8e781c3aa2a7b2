"""Suites: each asks a world model one question, and says what it is blind to."""
