"""The pure core of moves."""
