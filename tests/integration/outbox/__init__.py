"""The outbox on real servers."""
