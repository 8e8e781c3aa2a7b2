"""A record in, one HTML file out."""
