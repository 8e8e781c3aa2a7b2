"""Search in a world model's imagination, plain and fast."""
