"""The plan of a fleet migration, without servers."""
