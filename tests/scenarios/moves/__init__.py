"""Movers that are killed or frozen, from outside, at every point of a move."""
