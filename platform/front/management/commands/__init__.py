"""The commands of the public host."""
