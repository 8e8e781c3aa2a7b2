"""The unit of work: run once, kept by the digest of its inputs, read back as arrays."""
