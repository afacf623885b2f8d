"""Pools without a server: budgets, files."""
