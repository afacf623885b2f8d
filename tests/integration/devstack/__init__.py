"""The development servers themselves."""
