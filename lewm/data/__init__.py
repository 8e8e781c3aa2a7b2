"""Episodes on disk and in memory: every format in, training windows out."""
