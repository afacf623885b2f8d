"""The operators' host, with its own operators."""
