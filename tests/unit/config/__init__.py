"""How the environment is read."""
