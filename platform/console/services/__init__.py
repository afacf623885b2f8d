"""What operators do, and what they look at."""
