"""Months of a fleet in seconds: how even shards stay, and what that costs. No Django."""
