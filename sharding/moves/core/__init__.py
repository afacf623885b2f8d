"""What a move is, without a driver: states, steps, and what recovery does with what it finds."""
