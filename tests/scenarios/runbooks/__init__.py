"""docs/runbooks, run as written while what they are for is the case."""
