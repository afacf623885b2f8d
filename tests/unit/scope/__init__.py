"""Entering and leaving a scope."""
