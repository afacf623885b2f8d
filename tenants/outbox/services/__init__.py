"""Publish, deliver, sweep, tell and retry."""
