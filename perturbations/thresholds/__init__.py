"""What a monitor alarms at, and how much of that is chance."""
