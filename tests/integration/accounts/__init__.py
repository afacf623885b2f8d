"""A tenant's people on real servers."""
