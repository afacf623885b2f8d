"""Each step of a move × each fault, then recovery, killed once as well."""
