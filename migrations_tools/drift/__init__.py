"""Drift: what control believes against what is there."""
