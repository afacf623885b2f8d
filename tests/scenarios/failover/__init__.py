"""A primary that hangs, its standby promoted under load, the old one awake again."""
