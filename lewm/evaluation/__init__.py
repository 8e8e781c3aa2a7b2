"""Success in closed loop, by named protocols, with intervals."""
