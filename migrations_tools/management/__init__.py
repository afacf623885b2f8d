"""Commands about migrations that know of several databases."""
