"""The outbox and processes that are killed."""
