"""Images, on real servers."""
