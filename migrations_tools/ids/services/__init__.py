"""Allocate ids, and give them to schemas that are older."""
