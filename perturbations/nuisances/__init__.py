"""What may be changed about a picture without changing the task."""
