"""One migration of each awkward kind."""
