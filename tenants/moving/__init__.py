"""Moves of tenants, by the names that people give them."""
