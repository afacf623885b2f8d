"""The outbox: what needs no server."""
