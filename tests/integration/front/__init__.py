"""The public host."""
