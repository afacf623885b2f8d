"""What every pool may open, so that all of them together fit their servers. Pure."""
