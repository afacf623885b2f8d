"""Reference tables on real servers."""
