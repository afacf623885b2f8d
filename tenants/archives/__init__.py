"""A tenant as one file, and a tenant as the copy of another."""
