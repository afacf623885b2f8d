"""Commands of global ids."""
