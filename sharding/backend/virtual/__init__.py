"""The engine of `default` while nothing is in scope: answers metadata, refuses to connect."""
