"""docs/tutorial.md, run as written."""
