"""Schemas built by migrations; commands that would migrate the wrong database."""
