"""Records of what was measured, and the check that a deployment is still inside them."""

__version__ = "0.1.0"
