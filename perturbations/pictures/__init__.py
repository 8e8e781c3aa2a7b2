"""What conditions look like."""
