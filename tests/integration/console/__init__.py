"""The operators' host on real servers."""
