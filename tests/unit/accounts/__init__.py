"""A tenant's people, without servers."""
