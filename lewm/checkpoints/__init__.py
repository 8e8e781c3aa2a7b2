"""Models on disk: our format and the official one, in and out."""
