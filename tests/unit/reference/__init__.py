"""Reference tables: what needs no server."""
