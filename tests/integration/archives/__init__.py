"""A tenant out and in again, on real servers."""
