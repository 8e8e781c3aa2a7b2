"""Fixed sizes of what an audit asks; whoever judges whether all rows are there knows them too."""

NUM_COUNTED = 2
"""Episodes whose frames and plans are counted: enough to see whether a count depends on them."""
TOKENS = (1, 4, 16, 64, 196, 256)
"""Tokens per frame that the same architecture is asked to be laid out for."""
NUM_LEADING = 3
"""Principal components along which a nuisance is held against the state."""
SLOW_STRENGTH = 0.5
"""At which nuisances are compared: halfway to where a class ends, in each of its directions."""
