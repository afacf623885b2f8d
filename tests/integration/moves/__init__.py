"""Moves between two real shards, in this process."""
